package guarantor

import (
	"damson/internal/block"
	"damson/internal/protocol"
	"damson/net/jamnp"
	"damson/state/workreport"
)

// Events are functions that are called on the loop; those that are nil are left out. The exchange is the one by which a package
// comes.
type Events struct {
	Received   func(x jamnp.Exchange, core protocol.Core, hash protocol.Hash, w *block.WorkPackage) // before it is looked at
	Authorized func(x jamnp.Exchange, a *workreport.Authorization)
	Extrinsics func(x jamnp.Exchange)                         // all are here
	Working    func(hash protocol.Hash)                       // it is our turn: the others on the core are about to be asked
	Refined    func(hash protocol.Hash, o *workreport.Output) // one of ours
	Helped     func(x jamnp.Exchange, o *workreport.Output)   // one of another on the core
}

func (e *Events) setDefaults() {
	if e.Received == nil {
		e.Received = func(jamnp.Exchange, protocol.Core, protocol.Hash, *block.WorkPackage) {}
	}
	if e.Authorized == nil {
		e.Authorized = func(jamnp.Exchange, *workreport.Authorization) {}
	}
	if e.Extrinsics == nil {
		e.Extrinsics = func(jamnp.Exchange) {}
	}
	if e.Working == nil {
		e.Working = func(protocol.Hash) {}
	}
	if e.Refined == nil {
		e.Refined = func(protocol.Hash, *workreport.Output) {}
	}
	if e.Helped == nil {
		e.Helped = func(jamnp.Exchange, *workreport.Output) {}
	}
}
