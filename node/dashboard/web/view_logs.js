// What services log by the host call of JIP-1.
import {h, panel, empty} from "./dom.js"
import {count} from "./format.js"

const levels = ["fatal", "warning", "info", "debug", "trace"]
const filter = {level: "4", text: ""}
const time = at => new Date(at).toLocaleTimeString("en-GB", {hour12: false}) + "." + String(at % 1000).padStart(3, "0")

export default {
	title: "Logs",
	actions: {level: value => { filter.level = value }, text: value => { filter.text = value.toLowerCase() }},
	render(d) {
		const shown = d.lines.filter(l => l.level <= +filter.level && (!filter.text || `${l.target} ${l.message} ${l.service ?? ""}`.toLowerCase().includes(filter.text))).reverse()
		return [panel("What services log", `${count(d.total)} lines so far, the newest first`,
			h("div", {class: "filters"},
				h("select", {"data-action": "level", "aria-label": "Least important level"}, levels.map((name, i) => h("option", {value: i, selected: String(i) === filter.level}, i === 4 ? "all levels" : i === 0 ? "fatal only" : name + " and above"))),
				h("input", {type: "search", "data-action": "text", id: "filter", placeholder: "Filter: text, target or service", "aria-label": "Filter", autocomplete: "off"})),
			shown.length ? h("ol", {class: "lines", tabindex: "0", "aria-label": "Lines"}, shown.map(l => h("li", {"data-key": String(l.n)},
				h("time", null, time(l.time_ms)), h("span", {class: "l" + Math.min(l.level, 4)}, levels[l.level] ?? l.level),
				h("span", {class: "from"}, [l.service != null && `service ${l.service}`, l.core != null && `core ${l.core}`, l.target].filter(Boolean).join(" · ") || "authorizer"), h("span", {class: "text"}, l.message))))
				: empty(d.total ? "No line fits the filter." : "No service has said anything yet. They do by the host call log (100), in refinement and in accumulation."))]
	},
}
