// The page: which view of which node, and the stream that tells of it.
import {h, show, stat} from "./dom.js"
import {count, ms, plural} from "./format.js"
import chain from "./view_chain.js"
import cores from "./view_cores.js"
import {validators, services} from "./view_tables.js"
import network from "./view_network.js"
import engine from "./view_engine.js"
import logs from "./view_logs.js"

const views = {chain, cores, validators, services, network, engine, logs}
const names = Object.keys(views)
const $ = id => document.getElementById(id)
const at = {view: "chain", node: 0}
let nodes = null, data = null, stream = null, dirty = false
const kept = new Map() // what was last seen of each view of each node

function route() {
	const [, view, node] = location.hash.split("/")
	const was = at.view + at.node
	at.view = names.includes(view) ? view : "chain"
	at.node = Math.max(0, Math.min(+node || 0, (nodes?.nodes.length ?? 1e9) - 1))
	for (const a of $("views").children) {
		a.href = `#/${a.dataset.view}/${at.node}`
		a.dataset.view === at.view ? a.setAttribute("aria-current", "page") : a.removeAttribute("aria-current")
	}
	if (was !== at.view + at.node || !stream) open()
	drawNodes()
}

function open() {
	stream?.close()
	data = kept.get(at.view + at.node) ?? null
	$("view").setAttribute("aria-busy", String(!data))
	draw()
	const s = stream = new EventSource(`/api/nodes/${at.node}/stream?view=${at.view}`)
	s.onopen = () => state("live", "live")
	s.onerror = () => state("lost", "reconnecting")
	s.addEventListener("nodes", e => { nodes = JSON.parse(e.data); later() })
	s.addEventListener("view", e => {
		if (s !== stream) return
		data = JSON.parse(e.data)
		if (!data.gone) {
			kept.set(at.view + at.node, data)
			views[at.view].note?.(data)
		}
		later()
	})
}

function state(cls, text) {
	$("state").className = "state " + cls
	if ($("state").textContent !== text) $("state").textContent = text
}

// later draws once for all that comes before the next frame.
function later() {
	if (dirty) return
	dirty = true
	requestAnimationFrame(() => { dirty = false; drawNodes(); draw() })
}

const head = () => nodes?.nodes[at.node]?.head

function drawNodes() {
	if (!nodes) return
	const list = $("nodes")
	list.dataset.title = nodes.network ? "Network" : "Node"
	show(list, nodes.nodes.map(n => h("a", {
		href: `#/${at.view}/${n.id}`, "data-key": "n" + n.id, class: n.up ? null : "down", "aria-current": n.id === at.node && nodes.network ? "true" : null,
		title: n.up ? `best block ${n.head.best.slot}, finalized ${n.head.finalized.slot}, ${n.head.peers} peers` : "does not run",
	}, h("span", {class: "dot"}), n.name, h("span", {class: "slots"}, n.up ? `${n.head.best.slot}/${n.head.finalized.slot}` : "down"))))
}

function drawHead(d) {
	const lag = Math.max(0, d.best.slot - d.finalized.slot), e = d.limits.epoch_length
	show($("head"),
		stat("Slot", count(d.slot), `epoch ${count(Math.floor(d.slot / e))}, ${d.slot % e + 1} of ${e}`, h("span", {class: "bar", id: "progress", style: {transform: `scaleX(${progress(d)})`}})),
		stat("Best block", count(d.best.slot), d.syncing ? "catching up" : d.leaves > 1 ? plural(d.leaves, "fork end") : "no forks"),
		stat("Finalized", count(d.finalized.slot), `${plural(lag, "slot")} behind the best`),
		stat("Peers", count(d.peers), d.validator ? "this node is a validator" : "this node follows"),
		stat("Authored here", count(d.counts.authored), `${count(d.counts.imported)} imported, ${count(d.counts.refused)} refused`))
	document.title = `${views[at.view].title} · slot ${d.slot} · Damson`
}

const progress = d => Math.min(1, Math.max(0, ((Date.now() - d.era_ms) / d.slot_ms) - d.slot)).toFixed(3)

function draw() {
	const d = head(), root = $("view")
	if (nodes && !nodes.nodes[at.node]?.up) {
		show(root, h("p", {class: "banner", role: "alert"}, `${nodes.nodes[at.node]?.name ?? "This node"} does not run. The page looks again by itself.`))
		return
	}
	if (!d) return
	drawHead(d)
	if (!data || data.gone) {
		if (!data) show(root)
		return
	}
	const width = root.clientWidth
	show(root, views[at.view].render(data, {head: d, nodes, width, wide: innerWidth > 1100}))
	root.setAttribute("aria-busy", "false")
	root.dataset.view = at.view
	root.dataset.node = at.node
}

const still = matchMedia("(prefers-reduced-motion: reduce)")
setInterval(() => {
	const d = head(), bar = $("progress")
	if (d && bar && !document.hidden && !still.matches) bar.style.transform = `scaleX(${progress(d)})`
}, 100)

function act(e) {
	const target = e.target.closest("[data-action]")
	if (!target || (target.tagName === "BUTTON") !== (e.type === "click")) return
	views[at.view].actions?.[target.dataset.action]?.(target.dataset.value ?? target.value)
	draw()
}
$("view").addEventListener("click", act)
$("view").addEventListener("input", act)

const help = $("help")
$("help-open").addEventListener("click", () => help.showModal())
addEventListener("keydown", e => {
	if (e.ctrlKey || e.metaKey || e.altKey || help.open || e.target.closest("input, select, textarea")) return
	const n = names[+e.key - 1], count = nodes?.nodes.length ?? 1
	if (n) location.hash = `#/${n}/${at.node}`
	else if (e.key === "[" || e.key === "]") location.hash = `#/${at.view}/${(at.node + (e.key === "]" ? 1 : count - 1)) % count}`
	else if (e.key === "?") help.showModal()
	else if (e.key === "/" && $("filter")) $("filter").focus()
	else return
	e.preventDefault()
})
document.querySelector(".skip").addEventListener("click", e => {
	e.preventDefault()
	$("main").focus()
})
// While nobody looks, nothing is asked of the node.
document.addEventListener("visibilitychange", () => {
	if (document.hidden) {
		stream?.close()
		stream = null
	} else route()
})
addEventListener("resize", later)
addEventListener("hashchange", route)
route()
