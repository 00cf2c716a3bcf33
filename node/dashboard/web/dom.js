// Makes elements, and changes those that are there into others, so that what has the focus keeps it.

const svgTags = new Set(["svg", "g", "path", "rect", "line", "text", "circle", "title", "polyline", "polygon"])

// h makes an element. Attributes that are null or false are left out; style is an object, since the page's policy has no inline styles.
export function h(tag, attributes, ...children) {
	const e = svgTags.has(tag) ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag)
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (value == null || value === false) continue
		if (name === "style") for (const [k, v] of Object.entries(value)) e.style.setProperty(k, v)
		else e.setAttribute(name, value === true ? "" : value)
	}
	e.append(...children.flat(4).filter(c => c != null && c !== false))
	return e
}

// show has an element contain what is given.
export function show(root, ...children) {
	morph(root, h(root.tagName.toLowerCase(), null, ...children), true)
}

function morph(old, fresh, root) {
	if (!root) {
		for (const {name, value} of [...fresh.attributes]) if (name !== "style" && old.getAttribute(name) !== value) old.setAttribute(name, value)
		for (const {name} of [...old.attributes]) if (name !== "style" && !fresh.hasAttribute(name)) old.removeAttribute(name)
		if (old.style && old.style.cssText !== fresh.style.cssText) old.style.cssText = fresh.style.cssText
	}
	if (old.tagName === "SELECT" && document.activeElement === old && old.length === fresh.length) return
	const here = [...old.childNodes]
	const keyed = new Map(here.filter(n => n.dataset?.key).map(n => [n.dataset.key, n]))
	let at = old.firstChild
	for (const next of [...fresh.childNodes]) {
		const key = next.dataset?.key
		let match = key ? keyed.get(key) : at
		while (!key && match?.dataset?.key) match = match.nextSibling
		if (match && match.nodeType === next.nodeType && match.nodeName === next.nodeName) {
			if (match !== at) old.insertBefore(match, at)
			if (match.nodeType === Node.TEXT_NODE) {
				if (match.data !== next.data) match.data = next.data
			} else morph(match, next)
			at = match.nextSibling
		} else old.insertBefore(next, at)
	}
	while (at) {
		const after = at.nextSibling
		at.remove()
		at = after
	}
}

export const panel = (title, note, ...rest) => h("section", {class: "panel"}, h("header", null, h("h2", null, title), note && h("p", null, note)), ...rest)

export function sized(className, element) {
	element.classList.add(className)
	return element
}

export const stat = (title, value, note, more) => h("div", {class: "stat", "data-stat": title}, h("h2", null, title), h("p", {class: "value"}, value), h("p", {class: "note"}, note || "\u00a0"), more)

export const table = (columns, rows, name) => h("div", {class: "scroll", tabindex: "0", role: "region", "aria-label": name},
	h("table", null, h("thead", null, h("tr", null, columns.map(([title, cls]) => h("th", {class: cls, scope: "col"}, title)))), h("tbody", null, rows)))

export const empty = text => h("p", {class: "empty"}, text)
