// A service that counts words. Refinement counts the words of its payload, outside the chain; accumulation adds what
// refinement has found to what the service has under the key "words", on the chain.
//
//     damson pvm link --header > pvm.h
//     clang --target=riscv64 -march=rv64im -mabi=lp64 -mno-relax -O2 -ffreestanding -fno-pic -c tally.c
//     damson pvm link tally.o -o tally.pvm --metadata tally
//     damson pvm blob tally.pvm
//
// The same file is a native program, with a chain that has nothing but this service: cc tally.c -o tally && ./tally 'one two' three
#include "pvm.h"

#if defined(__riscv)
static u64 fetch(void *to, u64 room, u64 what, u64 index) { return HOST_CALL(HOST_FETCH, to, 0, room, what, index, 0); }
static u64 read(const void *key, u64 size, void *to, u64 room) { return HOST_CALL(HOST_READ, -1, key, size, to, 0, room); }
static u64 write(const void *key, u64 size, const void *value, u64 length) { return HOST_CALL(HOST_WRITE, key, size, value, length, 0, 0); }
#else
static u64 fetch(void *to, u64 room, u64 what, u64 index);
static u64 read(const void *key, u64 size, void *to, u64 room);
static u64 write(const void *key, u64 size, const void *value, u64 length);
#endif

enum { INPUT = 15, HASHES = 128 }; // what to fetch; four hashes stand before the result in an input

static u64 count(const u8 *text, u64 length) {
    u64 words = 0;
    int within = 0;
    for (u64 i = 0; i < length; i++) {
        int letter = text[i] > ' ';
        words += letter && !within;
        within = letter;
    }
    return words;
}

static u64 words; // the output must stay where it is when refine has returned

// The arguments are the numbers of core, item and service, then the payload with its length. Gray Paper B.2.
struct output refine(const u8 *arguments, u64 length) {
    const u8 *at = arguments;
    (void)length;
    for (int i = 0; i < 3; i++) natural(&at);
    u64 size = natural(&at);
    words = count(at, size);
    return (struct output){&words, sizeof words};
}

static u8 input[4096];

struct output accumulate(const u8 *arguments, u64 length) {
    (void)arguments, (void)length;
    u64 total = 0;
    read("words", 5, &total, sizeof total);
    for (u64 i = 0;; i++) {
        u64 size = fetch(input, sizeof input, INPUT, i);
        if (size == HOST_NONE) break;
        const u8 *at = input;
        if (natural(&at) != 0) continue; // money, not a result
        at += HASHES;
        natural(&at); // the gas limit
        if (*at++ != 0) continue; // refinement has failed
        if (natural(&at) != sizeof words) continue;
        u64 found = 0;
        for (u32 k = 0; k < sizeof found; k++) found |= (u64)at[k] << (8 * k);
        total += found;
    }
    write("words", 5, &total, sizeof total);
    return (struct output){0, 0};
}

#if !defined(__riscv)
#include <stdio.h>
#include <string.h>

static u8 inputs[16][256];
static u64 sizes[16], stored, known;

static u64 fetch(void *to, u64 room, u64 what, u64 index) {
    if (what != INPUT || index >= known || sizes[index] > room) return HOST_NONE;
    memcpy(to, inputs[index], sizes[index]);
    return sizes[index];
}
static u64 read(const void *key, u64 size, void *to, u64 room) { (void)key, (void)size; memcpy(to, &stored, room); return room; }
static u64 write(const void *key, u64 size, const void *value, u64 length) { (void)key, (void)size; memcpy(&stored, value, length); return 0; }

int main(int argc, char **argv) {
    for (int i = 1; i < argc && i <= 16 && strlen(argv[i]) < 100; i++) {
        u8 arguments[128] = {0, 0, 0, (u8)strlen(argv[i])};
        memcpy(arguments + 4, argv[i], strlen(argv[i]));
        struct output o = refine(arguments, 4 + strlen(argv[i]));
        u8 *in = inputs[known];
        in[1 + HASHES + 2] = (u8)o.length; // the rest is 0: kind, hashes, gas limit, success
        memcpy(in + 1 + HASHES + 3, o.octets, o.length);
        sizes[known++] = 1 + HASHES + 3 + o.length;
    }
    accumulate(0, 0);
    printf("%llu", stored);
    return 0;
}
#endif
