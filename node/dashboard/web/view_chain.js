// The chain: its blocks and forks, the epoch, who seals what, and how far finality is.
import {h, panel, table, empty} from "./dom.js"
import {count, hash, ms, octets, plural, short} from "./format.js"
import {legend} from "./charts.js"

const kinds = [["tickets", "T", "tickets"], ["guarantees", "G", "guarantees"], ["assurances", "A", "assurances"], ["preimages", "P", "preimages"], ["disputes", "D", "disputes"]]
const look = b => (b.best ? (b.ticketed ? "ticket" : "fallback") + (b.final ? "" : " open") : "fork")

export default {
	title: "Chain",
	render(d, c) {
		if (!d.blocks.length) return [panel("Blocks", "", empty("No block has come since this page's server began to watch. The first one comes with the next slot."))]
		const forks = d.blocks.filter(b => !b.best && b.slot <= c.head.best.slot)
		return [
			panel("Blocks", `${plural(forks.length, "block")} on forks among the last ${count(d.blocks.length)}`, tree(d, c),
				legend([["ticket", "sealed with a ticket"], ["fallback", "sealed in fallback mode"], ["ticket open", "not final yet"], ["fork", "on a fork"], ["missed", "slot without a block"]])),
			panel(`Epoch ${count(d.epoch.index)}`, d.epoch.tickets ? "sealed with tickets: nobody knows who is next" : "in fallback mode: who seals is known", epoch(d, c)),
			panel("Recent blocks", finality(d), blocks(d, c)),
		]
	},
}

function finality(d) {
	const took = d.blocks.filter(b => b.final_ms > 0).map(b => b.final_ms)
	return took.length ? `final ${ms(took.reduce((a, b) => a + b, 0) / took.length)} after the beginning of their slots, on average` : "none is final yet"
}

// tree draws blocks by slot; those on forks lie below the best chain.
function tree(d, c) {
	const width = c.width - 38, step = 26, size = 18, top = 24
	const columns = Math.max(8, Math.floor((width - 8) / step))
	const last = Math.max(c.head.slot, ...d.blocks.map(b => b.slot)), first = Math.max(0, last - columns + 1)
	const lanes = new Map(), taken = new Map()
	for (const b of d.blocks) {
		if (b.slot < first) continue
		const used = taken.get(b.slot) ?? new Set(b.best ? [] : [0])
		let lane = b.best ? 0 : lanes.get(b.parent) || 1
		while (used.has(lane)) lane++
		used.add(lane)
		taken.set(b.slot, used)
		lanes.set(b.hash, lane)
	}
	const depth = Math.max(0, ...lanes.values()), height = top + (depth + 1) * 27 + 16
	const x = slot => (slot - first) * step + 4, y = lane => top + lane * 27
	const by = new Map(d.blocks.map(b => [b.hash, b]))
	const visible = d.blocks.filter(b => b.slot >= first)
	const final = c.head.finalized.slot
	return h("svg", {width, height, role: "img", "aria-label": `${visible.length} blocks of slots ${first} to ${last}; finalized is ${final}`},
		Array.from({length: columns}, (_, i) => first + i).map(slot => [
			!taken.get(slot)?.has(0) && slot < last && slot > 0 && h("rect", {class: "missed", x: x(slot) + 6, y: y(0) + 6, width: 6, height: 6, rx: 3}),
			slot % 6 === 0 && slot <= last && h("text", {x: x(slot) + size / 2, y: height - 3, "text-anchor": "middle"}, slot),
		]),
		visible.map(b => {
			const p = by.get(b.parent)
			if (!p || p.slot < first) return
			const x1 = x(p.slot) + size, y1 = y(lanes.get(p.hash)) + size / 2, x2 = x(b.slot), y2 = y(lanes.get(b.hash)) + size / 2
			return h("path", {class: b.best ? "edge best" : "edge", d: `M${x1} ${y1}C${x1 + 6} ${y1} ${x2 - 6} ${y2} ${x2} ${y2}`})
		}),
		final >= first && [
			h("line", {class: "finalline", x1: x(final) + size + 4, x2: x(final) + size + 4, y1: 4, y2: y(0) + size + 4}),
			h("text", {class: "finaltext", x: x(final) + size, y: 13, "text-anchor": "end"}, "final"),
		],
		visible.map(b => h("g", {"data-key": b.hash, "data-hash": b.hash},
			h("title", null, `Slot ${b.slot}, by validator ${b.author}, ${b.ticketed ? "with a ticket" : "in fallback mode"}\n${b.hash}`),
			h("rect", {class: look(b), x: x(b.slot), y: y(lanes.get(b.hash)), width: size, height: size, rx: b.own ? 9 : 4}),
			h("text", {class: "in", x: x(b.slot) + size / 2, y: y(lanes.get(b.hash)) + 13, "text-anchor": "middle"}, b.author))))
}

// epoch has a cell for each slot: who sealed it, or who will.
function epoch(d, c) {
	const e = d.epoch, length = c.head.limits.epoch_length, start = e.index * length
	const width = c.width - 38, cell = Math.max(Math.min(44, width / length), 1), hgt = 30
	const by = new Map(d.blocks.filter(b => b.best).map(b => [b.slot, b]))
	const now = c.head.slot
	return h("div", null,
		h("svg", {width, height: hgt + 20, role: "img", "aria-label": `Slots of epoch ${e.index}`}, Array.from({length}, (_, i) => {
			const slot = start + i, b = by.get(slot), who = b ? b.author : d.epoch.schedule?.[i]
			return h("g", null, h("title", null, `Slot ${slot}: ` + (b ? `sealed by validator ${b.author}` : who != null ? `validator ${who}` : slot < now ? "no block" : "to come")),
				h("rect", {class: b ? look(b) : "missed", x: i * cell, y: 0, width: Math.max(cell - 3, 1), height: hgt, rx: cell > 12 ? 5 : 0}),
				cell > 17 && h("text", {class: b ? "in" : "", x: i * cell + (cell - 3) / 2, y: 19, "text-anchor": "middle"}, b ? b.author : slot < now && slot <= c.head.best.slot ? "–" : who ?? "?"),
				slot === now && h("rect", {class: "ticket", x: i * cell, y: hgt + 4, width: Math.max(cell - 3, 1), height: 3, rx: 1}))
		})),
		h("p", {class: "dim"}, `${count(e.contest)} of ${count(length)} tickets for the next epoch`, e.contest < length ? "" : ": it will be sealed with tickets"))
}

function blocks(d, c) {
	const rows = [...d.blocks].sort((a, b) => b.slot - a.slot || b.best - a.best).slice(0, 30)
	return table([["Slot"], ["Author"], ["Seal"], ["State"], ["Extrinsics", "wide"], ["Size", "num wide"], ["Came after", "num"], ["Import", "num"], ["Final after", "num wide"], ["Block", "wide"]],
		rows.map(b => h("tr", {"data-key": b.hash, class: b.own ? "self fresh" : "fresh"},
			h("td", null, count(b.slot)),
			h("td", null, b.author, b.own && h("small", null, " this node")),
			h("td", null, h("span", {class: b.ticketed ? "tag t" : "tag f"}, b.ticketed ? "ticket" : "fallback")),
			h("td", null, h("span", {class: b.final ? "tag g" : "tag m"}, b.final ? "final" : b.best ? "best chain" : "fork")),
			h("td", {class: "wide", title: kinds.map(([k, , n]) => `${b.extrinsics[k]} ${n}`).join(", ")}, kinds.filter(([k]) => b.extrinsics[k]).map(([k, letter]) => `${b.extrinsics[k]}\u2009${letter}`).join("  ") || h("small", null, "none")),
			h("td", {class: "num wide"}, octets(b.octets)),
			h("td", {class: "num"}, ms(b.delay_ms)),
			h("td", {class: "num"}, ms(b.import_ms)),
			h("td", {class: "num wide"}, b.final_ms ? ms(b.final_ms) : "–"),
			h("td", {class: "wide"}, hash(b.hash)))), "Recent blocks")
}
