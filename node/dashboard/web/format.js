// Numbers and names, as people read them.
import {h} from "./dom.js"

const whole = new Intl.NumberFormat("en", {maximumFractionDigits: 0})
export const count = n => whole.format(n ?? 0).replaceAll(",", "\u202f")

function scaled(n, step, units, space) {
	let i = 0
	for (; n >= step && i < units.length - 1; i++) n /= step
	return (n >= 100 || i === 0 ? Math.round(n) : n.toPrecision(3)) + space + units[i]
}
export const octets = n => scaled(n ?? 0, 1024, ["B", "KiB", "MiB", "GiB", "TiB"], "\u00a0")
export const big = n => n < 10000 ? count(n) : scaled(n, 1000, ["", "k", "M", "G", "T", "P", "E"], "")
export const rate = n => octets(n) + "/s"

export function ms(n) {
	if (n == null) return "–"
	if (Math.abs(n) >= 1000) return (n / 1000).toFixed(n >= 10000 ? 1 : 2) + "\u00a0s"
	return (n >= 100 ? n.toFixed(0) : n >= 10 ? n.toFixed(1) : n.toFixed(2)) + "\u00a0ms"
}

export const short = hash => hash.slice(0, 8) + "…" + hash.slice(-4)
export const hash = text => h("code", {title: text}, short(text))
export const peer = name => h("code", {title: name}, name.slice(0, 9) + "…")
export const plural = (n, one, more) => count(n) + " " + (n === 1 ? one : more ?? one + "s")

export function quantile(list, q) {
	if (!list.length) return 0
	const sorted = [...list].sort((a, b) => a - b)
	return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]
}
export const sum = list => list.reduce((a, b) => a + b, 0)
