// Cores, and packages on their way: guaranteed, reported, available, accumulated.
import {h, panel, table, empty} from "./dom.js"
import {big, count, hash, octets, plural} from "./format.js"
import {legend} from "./charts.js"

const many = 24 // cores; more are shown as a field

export default {
	title: "Cores",
	render(d, c) {
		const busy = d.cores.filter(x => x.report).length
		return [
			d.cores.length <= many ? h("div", {class: "cores"}, d.cores.map(x => core(x, d, c))) : panel("Cores", `${count(busy)} of ${count(d.cores.length)} have a report`,
				h("div", {class: "many", role: "img", "aria-label": `${busy} of ${d.cores.length} cores have a report`}, d.cores.map(x => h("i", {class: x.report ? "r" : x.guarantees ? "p" : null, title: `Core ${x.core}: ${x.report ? "a report of slot " + x.report.slot : "no report"}`})))),
			panel("Packages", packagesNote(d), d.packages.length ? packages(d, c) : empty("No package has been reported since this page's server began to watch. Try damson testnet --with-work, or damson work submit.")),
		]
	},
}

const of = (d, core) => d.packages.filter(p => p.core === core)
const accumulated = (d, core) => of(d, core).filter(p => p.accumulated).length

function core(x, d, c) {
	const a = x.activity, r = x.report
	const steps = [
		[x.guarantees, "pooled"], [r ? 1 : 0, "reported"], [of(d, x.core).filter(p => p.available === d.slot).length, "available"], [x.ready, "waiting"], [accumulated(d, x.core), "done"],
	]
	return h("section", {class: "panel", "data-core": x.core},
		h("header", null, h("h2", null, `Core ${x.core}`), h("p", null, "guarantors ", x.guarantors.join(", ") || "none")),
		h("ol", {class: "steps"}, steps.map(([n, name]) => h("li", {class: n ? "on" : null}, h("b", null, count(n)), h("span", {title: name}, name)))),
		h("dl", {class: "facts"},
			h("dt", null, "Report"), h("dd", null, r ? [hash(r.package), ` since slot ${r.slot}`] : "none"),
			h("dt", null, "Content"), h("dd", null, r ? `${plural(r.items, "item")}, ${octets(r.octets)}, ${plural(r.exports, "export")}` : "–"),
			h("dt", null, "This block"), h("dd", null, `${big(a.gas)} gas, ${plural(a.popularity, "assurance")}, ${octets(a.data_load)} of data`),
			h("dt", null, "Authorizers"), h("dd", null, `${plural(x.authorizers, "hash", "hashes")} in the pool`)))
}

function packagesNote(d) {
	const done = d.packages.filter(p => p.accumulated)
	if (!done.length) return ""
	const took = done.reduce((a, p) => a + p.accumulated - p.reported, 0) / done.length
	return `${took.toFixed(1)} slots from report to accumulation, on average`
}

function packages(d, c) {
	const rows = [...d.packages].reverse().slice(0, 28)
	const last = c.head.slot, first = Math.min(last - 12, rows.at(-1).reported - 1)
	const width = Math.max(180, Math.min(640, c.width * .36)), x = slot => (slot - first) / (last - first + 1) * width
	const bar = (cls, from, to) => to >= from && h("rect", {class: cls, x: x(from), y: 4, width: Math.max(x(to) - x(from), 3), height: 8, rx: 2})
	return h("div", null, table([["Package"], ["Core", "num"], ["Items", "num"], ["Services", "wide"], ["Bundle", "num wide"], ["Refinement gas", "num wide"], ["State"], [`Slots ${first} to ${last}`]],
		rows.map(p => h("tr", {"data-key": p.hash, "data-package": p.hash, class: "fresh"},
			h("td", null, hash(p.hash)), h("td", {class: "num"}, p.core),
			h("td", {class: "num"}, p.items, p.failed ? h("small", null, ` ${p.failed} failed`) : null),
			h("td", {class: "wide"}, p.services.join(", ")), h("td", {class: "num wide"}, octets(p.octets)), h("td", {class: "num wide"}, big(p.gas)),
			h("td", null, p.accumulated ? h("span", {class: "tag g"}, "accumulated") : p.timed_out ? h("span", {class: "tag b"}, "timed out") : p.available ? h("span", {class: "tag t"}, p.waits ? "waits" : "available") : h("span", {class: "tag m"}, "reported")),
			h("td", null, h("svg", {width, height: 16, role: "img", "aria-label": `reported ${p.reported}, available ${p.available || "–"}, accumulated ${p.accumulated || "–"}`},
				h("line", {class: "gridline", x1: 0, x2: width, y1: 8, y2: 8}),
				bar("reported", p.reported, p.available || p.timed_out || last), p.available && bar("available", p.available, p.accumulated || last),
				p.accumulated && h("circle", {class: "accumulated", cx: x(p.accumulated) + 2, cy: 8, r: 5}), p.timed_out && h("circle", {class: "timedout", cx: x(p.timed_out), cy: 8, r: 5}))))), "Packages"),
	legend([["reported", "its data is being made available"], ["available", "available, waits for others"], ["accumulated", "accumulated"], ["timedout", "not available in time"]]))
}
