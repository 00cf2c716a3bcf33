module damson/crypto/blake2b/asm

go 1.26
