// Small charts. Widths are those of the place, in pixels.
import {h} from "./dom.js"

export const swatch = cls => h("svg", {width: 11, height: 11, "aria-hidden": "true"}, h("rect", {class: cls, x: 1, y: 1, width: 9, height: 9, rx: 2}))
export const legend = items => h("ul", {class: "legend"}, items.map(([cls, text]) => h("li", null, swatch(cls), text)))

// nice gives a round number that is not less.
export function nice(n) {
	if (!(n > 0)) return 1
	const p = 10 ** Math.floor(Math.log10(n))
	return [1, 2, 2.5, 5, 10].map(f => f * p).find(v => v >= n)
}

// stacked draws a bar for each row of numbers.
export function stacked({width, height, rows, classes, label, title, format}) {
	const left = 54, bottom = 20, top = 6
	const w = width - left, hgt = height - bottom - top
	const most = nice(Math.max(...rows.map(r => r.values.reduce((a, b) => a + b, 0)), 0))
	const step = w / Math.max(rows.length, 24)
	const y = v => top + hgt - v / most * hgt
	const every = Math.max(1, Math.ceil(52 / step))
	return h("svg", {width, height, role: "img", "aria-label": label},
		[0, .25, .5, .75, 1].map(f => [
			h("line", {class: f ? "gridline" : "axis", x1: left, x2: width, y1: y(f * most), y2: y(f * most)}),
			(f === 0 || f === .5 || f === 1) && h("text", {x: left - 8, y: y(f * most) + 4, "text-anchor": "end"}, format(f * most)),
		]),
		rows.map((r, i) => {
			let base = 0
			const x = left + i * step
			return h("g", null, h("title", null, title(r)), r.values.map((v, s) => {
				const part = h("rect", {class: classes[s], x: x + 1, width: Math.max(step - 2, 1), y: y(base + v), height: Math.max(y(base) - y(base + v), 0)})
				base += v
				return v > 0 && part
			}), i % every === 0 && h("text", {x: x + step / 2, y: height - 5, "text-anchor": "middle"}, r.name))
		}))
}

// area draws a line with what is below it; a second one, if there is, on the same scale.
export function area({width, height, series, label, format}) {
	const most = nice(Math.max(1, ...series.flat()))
	const x = (i, n) => i / Math.max(n - 1, 1) * width
	const y = v => height - 2 - v / most * (height - 18)
	return h("svg", {width, height, role: "img", "aria-label": label},
		h("line", {class: "gridline", x1: 0, x2: width, y1: y(most), y2: y(most)}), h("line", {class: "axis", x1: 0, x2: width, y1: y(0), y2: y(0)}),
		series.map((s, k) => s.length > 1 && [
			h("path", {class: k ? "area second" : "area", d: `M0 ${y(0)}` + s.map((v, i) => `L${x(i, s.length).toFixed(1)} ${y(v).toFixed(1)}`).join("") + `L${width} ${y(0)}Z`}),
			h("path", {class: k ? "stroke second" : "stroke", d: "M" + s.map((v, i) => `${x(i, s.length).toFixed(1)} ${y(v).toFixed(1)}`).join("L")}),
		]),
		h("text", {x: 0, y: 11}, format(most)))
}
