// How long blocks take, stage by stage, and what the PVM and the store do.
import {h, panel, table, empty, stat, sized} from "./dom.js"
import {big, count, ms, octets, quantile, short, sum} from "./format.js"
import {legend, stacked} from "./charts.js"

// Beside the importing of a block, and not of its time.
const beside = new Set(["warm"])

export default {
	title: "Execution",
	render(d, c) {
		const inside = d.stages.map((name, i) => [name, i]).filter(([name]) => !beside.has(name))
		const shown = d.runs.slice(-Math.max(24, Math.floor((c.width - 92) / 13)))
		const total = r => sum(inside.map(([, i]) => r.stages_ms[i]))
		const times = d.runs.map(total), accumulation = d.stages.indexOf("accumulation")
		const gas = sum(d.runs.map(r => r.accumulation_gas)), busy = sum(d.runs.filter(r => r.accumulation_gas > 0).map(r => r.stages_ms[accumulation]))
		const span = d.runs.length > 1 ? (d.runs.at(-1).slot - d.runs[0].slot) * c.head.slot_ms / 1000 : 0
		const each = n => span > 0 ? big(Math.round(n / span)) : "–"
		return [
			h("section", {class: "tiles", "aria-label": "Import"},
				stat("Half of the blocks", ms(quantile(times, .5)), "take at most"), stat("95 of 100", ms(quantile(times, .95)), "take at most"), stat("The longest", ms(Math.max(0, ...times)), `of the last ${count(times.length)}`),
				stat("Share of a slot", (quantile(times, .5) / c.head.slot_ms * 100).toFixed(2) + " %", `slots last ${ms(c.head.slot_ms)}`)),
			panel("Import time by stage", "one bar for each block, newest on the right", shown.length ? [stacked({
				width: c.width - 38, height: 260, classes: inside.map(([, i]) => "s" + i), format: ms, label: "Import time of blocks by stage",
				rows: shown.map(r => ({name: r.slot, run: r, values: inside.map(([, i]) => r.stages_ms[i])})),
				title: ({run}) => `Slot ${run.slot}, ${short(run.hash)}: ${ms(total(run))}\n` + inside.map(([name, i]) => `${name} ${ms(run.stages_ms[i])}`).join("\n"),
			}), legend(inside.map(([name, i]) => ["s" + i, name]))] : empty("No block has been executed since this page's server began to watch.")),
			h("section", {class: "tiles", "aria-label": "PVM"},
				stat("Compiled programs", d.programs ? count(d.programs.compiled) : "none", d.programs ? "by the recompiler" : "the interpreter runs"), stat("Kept", d.programs ? count(d.programs.cached) : "–", d.programs ? octets(d.programs.octets) + " of machine code" : ""),
				stat("Accumulation", each(gas), "gas/s, on chain"), stat("Refinement", each(sum(d.runs.map(r => r.refinement_gas))), "gas/s, reported"),
				stat("Accumulation speed", busy > 0 ? big(Math.round(gas / busy * 1000)) : "–", "gas/s, while it runs")),
			sized("two", panel("Stages", `of the last ${count(d.runs.length)} blocks`, table([["Stage"], ["Mean", "num"], ["Half", "num"], ["95 %", "num"], ["Most", "num"]], d.stages.map((name, i) => {
				const list = d.runs.map(r => r.stages_ms[i])
				return h("tr", null, h("td", null, h("svg", {width: 11, height: 11, "aria-hidden": "true", class: "inline"}, h("rect", {class: "s" + i, width: 10, height: 10, rx: 2})), name, beside.has(name) && h("small", null, " beside it")),
					h("td", {class: "num"}, ms(sum(list) / Math.max(list.length, 1))), h("td", {class: "num"}, ms(quantile(list, .5))), h("td", {class: "num"}, ms(quantile(list, .95))), h("td", {class: "num"}, ms(Math.max(0, ...list))))
			}), "Stages"))),
			sized("third", panel("Store", "", h("dl", {class: "facts"},
				h("dt", null, "On disk"), h("dd", null, octets(d.store.disk_octets)), h("dt", null, "States in memory"), h("dd", null, octets(d.store.cached_octets)), h("dt", null, "Pages in memory"), h("dd", null, octets(d.store.pages_octets)),
				h("dt", null, "Reads that needed no disk"), h("dd", null, d.store.hits + d.store.misses ? (d.store.hits / (d.store.hits + d.store.misses) * 100).toFixed(1) + " %" : "–")))),
		]
	},
}
