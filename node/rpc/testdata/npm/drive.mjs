// Drives every method of a node's RPC by json-rpc-2.0 over ws, neither of which knows anything of this node.
// usage: node drive.mjs HOST:PORT FACTS, where FACTS is a JSON file. The last line says what was seen.
import {readFileSync} from "node:fs"
import assert from "node:assert/strict"
import WebSocket from "ws"
import jsonrpc from "json-rpc-2.0"

const [address, file] = process.argv.slice(2)
const facts = JSON.parse(readFileSync(file, "utf8"))
const asked = new Set()
const hash = /^[A-Za-z0-9+/]{43}=$/

const socket = new WebSocket(`ws://${address}/`)
await new Promise((done, failed) => { socket.on("open", done); socket.on("error", failed) })
const peer = new jsonrpc.JSONRPCServerAndClient(
	new jsonrpc.JSONRPCServer(),
	new jsonrpc.JSONRPCClient(request => { socket.send(JSON.stringify(request)) }),
	{errorListener: (message, data) => { throw new Error(message + " " + data) }},
)
socket.on("message", data => peer.receiveAndSend(JSON.parse(data.toString())))
socket.on("close", () => peer.rejectAllPendingRequests("the connection is closed"))
const ask = (method, ...params) => {
	asked.add(method)
	return peer.timeout(30_000).request(method, params)
}

// What subscriptions tell comes as notifications that have the name of the method which began them.
const told = new Map() // subscription -> {values, wake}
const of = id => {
	if (!told.has(id)) told.set(id, {values: [], wake: () => {}})
	return told.get(id)
}
const listen = method => peer.addMethod(method, ({subscription, result}) => {
	const s = of(subscription)
	s.values.push(result)
	s.wake()
})
const tells = async (id, enough, what) => {
	const s = of(id)
	const end = Date.now() + 60_000
	while (!enough(s.values)) {
		assert(Date.now() < end, `${what}: not in a minute: ${JSON.stringify(s.values).slice(0, 300)}`)
		await new Promise(done => { s.wake = done; setTimeout(done, 1000) })
	}
	return s.values
}
const isHead = v => Array.isArray(v) && v.length === 2 && hash.test(v[0]) && Number.isInteger(v[1])

// Questions.
const [{V1: parameters}] = await ask("parameters")
for (const [name, want] of Object.entries(facts.parameters)) assert.equal(parameters[name], want, name)
assert(Object.values(parameters).every(v => Number.isInteger(v)))
const subscriptions = {}
for (const [method, ...params] of [
	["subscribeBestBlock"], ["subscribeFinalizedBlock"], ["subscribeStatistics", false], ["subscribeServiceData", facts.service, true],
	["subscribeServiceValue", facts.service, facts.key, false], ["subscribeServicePreimage", facts.service, facts.wanted_hash, false],
	["subscribeServiceRequest", facts.service, facts.wanted_hash, facts.wanted_length, false],
]) {
	listen(method)
	subscriptions[method] = await ask(method, ...params)
	assert(Number.isInteger(subscriptions[method]), method)
}
await tells(subscriptions.subscribeBestBlock, v => v.length >= 4, "best blocks")
const best = await ask("bestBlock")
assert(isHead(best))
const final = await ask("finalizedBlock")
assert(isHead(final) && final[1] <= best[1])
const parent = await ask("parent", best[0])
assert(isHead(parent) && parent[1] < best[1])
assert.equal(await ask("parent", facts.nothing), null)
assert.deepEqual(await ask("stateRoot", facts.genesis), [facts.genesis_root])
assert.equal(await ask("stateRoot", facts.nothing), null)
assert.match((await ask("beefyRoot", best[0]))[0], hash)
assert.equal(await ask("beefyRoot", facts.nothing), null)
const [statistics] = await ask("statistics", best[0])
assert(Buffer.from(statistics, "base64").length >= facts.statistics_length)
assert.equal(await ask("statistics", facts.nothing), null)
const [account] = await ask("serviceData", best[0], facts.service)
assert.equal(Buffer.from(account, "base64").length, facts.account_length)
assert.deepEqual(await ask("serviceData", best[0], 4294967295), [null])
assert.equal(await ask("serviceData", facts.nothing, facts.service), null)
assert.deepEqual(await ask("serviceValue", best[0], facts.service, facts.key), [facts.value])
assert.equal(await ask("serviceValue", best[0], facts.service, ""), null)
assert.deepEqual(await ask("servicePreimage", best[0], facts.service, facts.preimage_hash), [facts.preimage])
assert.equal(await ask("servicePreimage", best[0], facts.service, facts.nothing), null)
assert.deepEqual(await ask("serviceRequest", best[0], facts.service, facts.preimage_hash, facts.preimage_length), [[0]])
assert.deepEqual(await ask("serviceRequest", facts.genesis, facts.service, facts.wanted_hash, facts.wanted_length), [[]])
assert.equal(await ask("serviceRequest", best[0], facts.service, facts.nothing, 0), null)
assert.deepEqual(await ask("listServices", best[0]), [[facts.service]])
const [status] = await ask("status")
assert(status.best.slot >= best[1])

// Submissions.
const draft = await (await fetch(facts.drafts)).json()
assert.deepEqual(await ask("submitWorkPackage", 0, draft.package, []), [])
assert.deepEqual(await ask("submitPreimage", facts.service, facts.wanted, facts.genesis), [])
const blobs = await tells(subscriptions.subscribeServicePreimage, v => v.length >= 2, "the preimage")
assert.deepEqual(blobs.slice(0, 2), [null, [facts.wanted]])
const requests = await tells(subscriptions.subscribeServiceRequest, v => v.length >= 2, "the request")
assert.deepEqual(requests[0], [[]])
assert(requests[1][0].length === 1 && requests[1][0][0] > 0)

// The package goes through a core: guarantors refine it, its data is made available, and it is accumulated.
const written = async () => ask("serviceValue", (await ask("bestBlock"))[0], facts.service, facts.written_key)
const stages = new Set()
for (const end = Date.now() + 120_000; (await written()) === null;) {
	assert(Date.now() < end, "the package was not accumulated in two minutes")
	stages.add((await ask("packageStage", (await ask("bestBlock"))[0], draft.hash))[0])
	await new Promise(done => setTimeout(done, 100))
}
assert.deepEqual(await written(), [facts.written])
const [stage] = await ask("packageStage", (await ask("bestBlock"))[0], draft.hash)
assert.equal(stage, "accumulated", [...stages].join(" "))
const [queue] = await ask("authorizerQueue", (await ask("bestBlock"))[0], 0)
assert(queue.length === facts.queue && queue.every(h => hash.test(h)))

// Subscriptions.
const finals = await tells(subscriptions.subscribeFinalizedBlock, v => v.length >= 3, "finalized blocks")
assert(finals.every(isHead) && finals.every((v, i) => i === 0 || v[1] > finals[i - 1][1]))
const bests = await tells(subscriptions.subscribeBestBlock, v => v.length >= 4, "best blocks")
assert(bests.every(isHead))
const numbers = await tells(subscriptions.subscribeStatistics, v => v.length >= 2, "statistics")
assert(numbers.every(v => typeof v[0] === "string"))
await tells(subscriptions.subscribeServiceData, v => v.length >= 1 && typeof v[0][0] === "string", "the account")
assert.deepEqual((await tells(subscriptions.subscribeServiceValue, v => v.length >= 1, "the value"))[0], [facts.value])
for (const [method, id] of Object.entries(subscriptions)) {
	assert.equal(await ask("un" + method, id), true, method)
	assert.equal(await ask("un" + method, id), false, method)
}
const count = of(subscriptions.subscribeBestBlock).values.length
await new Promise(done => setTimeout(done, 2 * facts.slot_ms))
assert.equal(of(subscriptions.subscribeBestBlock).values.length, count, "told after the end")

// Mistakes: the standard errors.
const fails = async (code, method, ...params) => {
	try {
		await peer.timeout(30_000).request(method, params)
	} catch (e) {
		return assert.equal(e.code, code, `${method}: ${e.message}`)
	}
	assert.fail(`${method} of ${JSON.stringify(params)} did not fail`)
}
await fails(-32601, "chain_getBlock")
await fails(-32602, "parent")
await fails(-32602, "parent", 7)
await fails(-32602, "parent", "0x00")
await fails(-32602, "serviceData", best[0], -1)
await fails(-32602, "serviceData", best[0], 4294967296)
await fails(-32602, "submitWorkPackage", 0, "AA==", [])
await fails(-32003, "submitPreimage", facts.service, "AA==", facts.genesis)

// By POST: batches, and everything the document knows was asked for.
const post = async body => {
	const reply = await fetch(`http://${address}/`, {method: "POST", headers: {"Content-Type": "application/json"}, body})
	return reply.json()
}
assert.equal((await post("{")).error.code, -32700)
assert.equal((await post("[]")).error.code, -32600)
assert.equal((await post(JSON.stringify(Array(10_000).fill({jsonrpc: "2.0", id: 1, method: "bestBlock"})))).error.code, -32600)
const batch = await post(JSON.stringify([{jsonrpc: "2.0", id: "a", method: "bestBlock"}, {jsonrpc: "2.0", method: "bestBlock"}, 1]))
assert.equal(batch.length, 2)
assert(batch.some(r => r.id === "a" && isHead(r.result)) && batch.some(r => r.id === null && r.error.code === -32600))

// A thousand connections that say nothing, and messages that are none: others are served all the same.
const idle = []
for (let i = 0; i < facts.idle; i += 50) idle.push(...await Promise.all(Array.from({length: 50}, () => new Promise((done, failed) => {
	const s = new WebSocket(`ws://${address}/`)
	s.on("open", () => done(s))
	s.on("error", failed)
}))))
const answers = (s, message) => new Promise(done => { s.once("message", m => done(JSON.parse(m.toString()))); s.send(message) })
assert.equal((await answers(idle[0], "{")).error.code, -32700)
assert.equal((await answers(idle[1], JSON.stringify(Array(100_000).fill(1)))).error.code, -32600)
assert.equal((await answers(idle[2], JSON.stringify({jsonrpc: "2.0", id: 1, method: 7}))).error.code, -32600)
assert.equal((await answers(idle[3], JSON.stringify({jsonrpc: "2.0", id: 1, method: "nothing"}))).error.code, -32601)
assert.equal((await answers(idle[4], JSON.stringify({jsonrpc: "2.0", id: 1, method: "stateRoot", params: [{}]}))).error.code, -32602)
const asking = Date.now()
assert(isHead(await ask("bestBlock")))
const waited = Date.now() - asking
await new Promise(done => setTimeout(done, 1000))
assert(idle.every(s => s.readyState === WebSocket.OPEN), "idle connections were closed")
idle.forEach(s => s.terminate())

const document = await (await fetch(`http://${address}/openrpc.json`)).json()
assert.deepEqual(document.methods.map(m => m.name).sort(), [...asked].sort())

socket.close()
console.log(JSON.stringify({methods: asked.size, bests: bests.length, finals: finals.length, idle: idle.length, answeredMs: waited}))
