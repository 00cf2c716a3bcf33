// Peers, what goes to and fro, and the grid of validators in which blocks are announced.
import {h, panel, table, empty, stat, sized} from "./dom.js"
import {count, ms, octets, peer, plural, rate, sum} from "./format.js"
import {area, legend} from "./charts.js"

const most = 90
let history = [], of = null // of the node that is looked at: {at, sent, received, by}

function note(d) {
	if (of !== d.peer) [history, of] = [[], d.peer]
	history.push({at: performance.now(), by: new Map(d.peers.map(p => [p.peer, p]))})
	if (history.length > most) history.shift()
}

// between gives octets a second between two notes; a connection that is new begins with nothing.
function between(a, b, key, name) {
	const seconds = (b.at - a.at) / 1000
	let total = 0
	for (const [id, p] of b.by) {
		if (name && id !== name) continue
		const before = a.by.get(id)
		if (before && before.since_ms === p.since_ms) total += p[key] - before[key]
	}
	return seconds > 0 ? Math.max(total / seconds, 0) : 0
}

function recent(key, name) {
	const now = history.at(-1), then = history.findLast(x => now.at - x.at > 2500) ?? history[0]
	return between(then, now, key, name)
}

export default {
	title: "Network",
	note,
	render(d, c) {
		const rates = key => history.slice(1).map((x, i) => between(history[Math.max(0, i - 2)], x, key))
		const half = c.wide ? (c.width - 16) / 2 : c.width
		return [
			h("section", {class: "tiles", "aria-label": "Totals"},
				stat("Peers", count(d.peers.length), plural(d.peers.filter(p => p.neighbour).length, "neighbour")), stat("Sent", octets(sum(d.peers.map(p => p.sent))), rate(recent("sent"))),
				stat("Received", octets(sum(d.peers.map(p => p.received))), rate(recent("received"))), stat("Round trip", ms(sum(d.peers.map(p => p.rtt_ms)) / Math.max(d.peers.length, 1)), "on average"),
				stat("Builders", count(d.peers.filter(p => p.builder).length), "who bring packages")),
			sized("half", panel("Traffic", "octets a second, over the connections there are", area({width: half - 38, height: 190, series: [rates("received"), rates("sent")], label: "Traffic", format: rate}), legend([["s1", "received"], ["s2", "sent"]]))),
			sized("half", panel("Grid", "neighbours, in the row and the column, announce blocks to each other", grid(d, c))),
			panel("Peers", h("code", null, d.address), d.peers.length ? peers(d) : empty("There are no peers. A node of a network finds them by the addresses of validators on chain.")),
		]
	},
}

function grid(d, c) {
	const n = c.head.limits.validators, w = Math.max(1, Math.floor(Math.sqrt(n)))
	const half = c.wide ? (c.width - 16) / 2 : c.width
	const cell = Math.max(5, Math.min(58, (half - 40) / w, 190 / Math.ceil(n / w)))
	const at = new Map(d.peers.filter(p => p.index >= 0).map(p => [p.index, p]))
	return h("div", null, h("svg", {width: cell * w, height: cell * Math.ceil(n / w), role: "img", "aria-label": `${n} validators in rows of ${w}`}, Array.from({length: n}, (_, i) => {
		const p = at.get(i), self = i === d.self
		const x = i % w * cell, y = Math.floor(i / w) * cell
		return h("g", null, h("title", null, `Validator ${i}: ` + (self ? "this node" : p ? (p.neighbour ? "a neighbour, " : "") + "connected" : "not connected")),
			h("rect", {class: self ? "ticket" : p ? (p.neighbour ? "ticket open" : "fork") : "missed", x: x + 2, y: y + 2, width: cell - 4, height: cell - 4, rx: Math.min(7, cell / 5)}),
			cell > 18 && h("text", {class: self || p ? "in" : "", x: x + cell / 2, y: y + cell / 2 + 4, "text-anchor": "middle"}, i))
	})), legend([["ticket", "this node"], ["ticket open", "a neighbour"], ["fork", "connected besides"], ["missed", "not connected"]]))
}

function peers(d) {
	return table([["Validator"], ["Peer", "wide"], ["Address"], ["Connection", "wide"], ["Round trip", "num"], ["Sent", "num"], ["Received", "num"], ["Now", "num wide"], ["Lost", "num wide"]],
		[...d.peers].sort((a, b) => (a.index < 0) - (b.index < 0) || a.index - b.index).map(p => h("tr", {"data-key": p.peer, "data-peer": p.peer},
			h("td", null, p.index < 0 ? (p.builder ? "builder" : "none") : p.index, p.neighbour && h("small", null, " neighbour")), h("td", {class: "wide"}, peer(p.peer)), h("td", null, h("code", null, p.address)),
			h("td", {class: "wide"}, p.initiator ? "opened here" : "opened by the peer"), h("td", {class: "num"}, ms(p.rtt_ms)), h("td", {class: "num"}, octets(p.sent)), h("td", {class: "num"}, octets(p.received)),
			h("td", {class: "num wide"}, rate(recent("sent", p.peer) + recent("received", p.peer))), h("td", {class: "num wide"}, octets(p.lost)))), "Peers")
}
