// Validators and what they have done; services and what they have.
import {h, panel, table, empty, stat} from "./dom.js"
import {big, count, hash, octets, peer, plural, sum} from "./format.js"

const duties = [["blocks", "Blocks"], ["tickets", "Tickets"], ["guarantees", "Guarantees"], ["assurances", "Assurances"], ["preimages", "Preimages"], ["preimage_octets", "Octets"]]

// cell has a number, and how it is to the greatest one.
const cell = (n, most, text = count) => h("td", {class: "num"}, h("div", {class: "cell"}, text(n), most > 0 && n > 0 && h("i", {style: {width: Math.max(n / most * 100, 2) + "%"}})))

let which = "current"

export const validators = {
	title: "Validators",
	actions: {epoch: value => { which = value }},
	render(d, c) {
		const list = d.validators, most = Object.fromEntries(duties.map(([k]) => [k, Math.max(0, ...list.map(v => v[which][k]))]))
		const button = (value, text) => h("button", {type: "button", "data-action": "epoch", "data-value": value, "aria-pressed": String(which === value)}, text)
		return [
			h("section", {class: "tiles", "aria-label": "Totals of the epoch"}, duties.slice(0, 5).map(([k, name]) => stat(name, big(sum(list.map(v => v[which][k]))), which === "current" ? "this epoch so far" : "last epoch"))),
			h("section", {class: "panel"},
				h("header", null, h("h2", null, "What validators did"), h("div", {class: "filters", role: "group", "aria-label": "Epoch"}, button("current", `Epoch ${count(d.epoch)}`), button("previous", "The one before"))),
				table([["Validator"], ["Peer", "wide"], ["Address", "wide"], ["Core", "num"], ...duties.map(([, name]) => [name, "num"])], list.map(v => h("tr", {"data-key": String(v.index), class: v.self ? "self" : null},
					h("td", null, v.index, v.self && h("small", null, " this node"), v.offender && h("span", {class: "tag b"}, "offender")),
					h("td", {class: "wide"}, v.peer ? peer(v.peer) : "–"), h("td", {class: "wide"}, h("code", null, v.address || "–")), h("td", {class: "num"}, v.core < 0 ? "–" : v.core),
					duties.map(([k]) => cell(v[which][k], most[k], k === "preimage_octets" ? octets : count)))), "Validators")),
		]
	},
}

export const services = {
	title: "Services",
	render(d) {
		const list = d.services
		if (!list.length) return [panel("Services", "", empty("The chain has no services."))]
		const busiest = Math.max(0, ...list.map(s => s.sum.accumulation_gas)), most = Math.max(0, ...list.map(s => s.sum.refinement_gas))
		return [
			h("section", {class: "tiles", "aria-label": "Totals"},
				stat("Services", count(list.length) + (d.more ? "+" : ""), `after slot ${count(d.slot)}`), stat("Items", big(sum(list.map(s => s.items))), "in all of them"), stat("Octets", octets(sum(list.map(s => s.octets))), "of footprint"),
				stat("Accumulation", big(sum(list.map(s => s.sum.accumulation_gas))), "gas, since watched"), stat("Refinement", big(sum(list.map(s => s.sum.refinement_gas))), "gas, since watched")),
			panel("Accounts", "balances are in the chain's units; the threshold is what the footprint demands", table(
				[["Service"], ["Code", "wide"], ["Balance", "num"], ["Threshold", "num wide"], ["Items", "num"], ["Octets", "num"], ["Digests", "num"], ["Accumulation gas", "num"], ["Refinement gas", "num"], ["Last", "num wide"]],
				list.map(s => h("tr", {"data-key": String(s.id), "data-service": s.id},
					h("td", null, h("strong", null, s.name || "unnamed"), h("small", null, ` ${s.id}`), s.roles.map(r => [" ", h("span", {class: "tag m"}, r)])),
					h("td", {class: "wide"}, hash(s.code_hash)), h("td", {class: "num", title: s.balance}, big(+s.balance)), h("td", {class: "num wide", title: s.threshold}, big(+s.threshold)),
					h("td", {class: "num"}, count(s.items)), h("td", {class: "num", title: count(s.octets)}, octets(s.octets)), h("td", {class: "num"}, count(s.sum.accumulations)),
					cell(s.sum.accumulation_gas, busiest, big), cell(s.sum.refinement_gas, most, big),
					h("td", {class: "num wide"}, s.last_accumulation ? `slot ${count(s.last_accumulation)}` : "never"))), "Accounts")),
		]
	},
}
