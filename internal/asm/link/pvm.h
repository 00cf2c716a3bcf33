// What a C program for the PVM needs, for clang and gcc. "damson pvm link --header" prints this file.
//
// A program is entered by a function that takes where its arguments are and how many octets they have, and returns the
// same of its output:
//
//     struct output _start(const u8 *arguments, u64 length);            a program by itself
//     struct output refine(const u8 *arguments, u64 length);            a service, outside the chain
//     struct output accumulate(const u8 *arguments, u64 length);        a service, on the chain
//     struct output is_authorized(const u8 *arguments, u64 length);     an authorizer
//
// Compile each file with
//
//     clang --target=riscv64 -march=rv64im -mabi=lp64 -mno-relax -O2 -ffreestanding -fno-pic -ffunction-sections
//           -fdata-sections -ffixed-x16 … -ffixed-x31 -c FILE.c
//
// or riscv64-unknown-elf-gcc and the same flags but --target, and link the objects with "damson pvm link". A compiler
// that knows -march=rv64em -mabi=lp64e needs no -ffixed flags.
#ifndef PVM_H
#define PVM_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef signed char i8;
typedef short i16;
typedef int i32;
typedef long long i64;

struct output { const void *octets; u64 length; };

// Reads a natural number, as the Gray Paper encodes it (appendix C), and moves on behind it.
static inline u64 natural(const u8 **at) {
    u8 first = *(*at)++;
    u32 more = 0;
    while (more < 8 && first >> (7 - more) & 1) more++;
    u64 low = 0;
    for (u32 i = 0; i < more; i++) low |= (u64)*(*at)++ << (8 * i);
    return more == 8 ? low : low | (u64)(first & (0x7f >> more)) << (8 * more);
}

#if defined(__riscv)

// A call of the host is one instruction of the opcode custom-0, which the linker makes ecalli of: 0xb | NUMBER << 20.
// Arguments are in a0 to a5, which are the registers 7 to 12 of the machine, and the result in a0.
#define HOST_CALL(number, x0, x1, x2, x3, x4, x5) ({ \
    register u64 a0 __asm__("a0") = (u64)(x0); register u64 a1 __asm__("a1") = (u64)(x1); \
    register u64 a2 __asm__("a2") = (u64)(x2); register u64 a3 __asm__("a3") = (u64)(x3); \
    register u64 a4 __asm__("a4") = (u64)(x4); register u64 a5 __asm__("a5") = (u64)(x5); \
    __asm__ volatile(".4byte 0xb | %6 << 20" : "+r"(a0), "+r"(a1) \
        : "r"(a2), "r"(a3), "r"(a4), "r"(a5), "i"(number) : "memory"); \
    a0; })

// More memory, which begins with zeros; 0 if there is none.
static inline void *sbrk(u64 octets) {
    register u64 a0 __asm__("a0") = octets;
    __asm__ volatile(".4byte 0x5150b" : "+r"(a0) : : "memory");
    return (void *)a0;
}

// Ends the program by a panic.
static inline void panic(void) { __asm__ volatile("ebreak"); __builtin_unreachable(); }

// What compilers call by themselves. The empty assembly keeps them from finding these functions in these functions.
__attribute__((weak)) void *memcpy(void *to, const void *from, unsigned long n) {
    for (unsigned long i = 0; i < n; i++) { ((u8 *)to)[i] = ((const u8 *)from)[i]; __asm__ volatile(""); }
    return to;
}
__attribute__((weak)) void *memmove(void *to, const void *from, unsigned long n) {
    if ((u64)to - (u64)from >= n) return memcpy(to, from, n);
    while (n--) { ((u8 *)to)[n] = ((const u8 *)from)[n]; __asm__ volatile(""); }
    return to;
}
__attribute__((weak)) void *memset(void *to, int octet, unsigned long n) {
    for (unsigned long i = 0; i < n; i++) { ((u8 *)to)[i] = (u8)octet; __asm__ volatile(""); }
    return to;
}
__attribute__((weak)) int memcmp(const void *a, const void *b, unsigned long n) {
    for (unsigned long i = 0; i < n; i++)
        if (((const u8 *)a)[i] != ((const u8 *)b)[i]) return ((const u8 *)a)[i] < ((const u8 *)b)[i] ? -1 : 1;
    return 0;
}

#endif

// Host calls of the Gray Paper, appendix B, in all programs and in services.
enum {
    HOST_GAS = 0, HOST_FETCH = 1, HOST_LOOKUP = 2, HOST_READ = 3, HOST_WRITE = 4, HOST_INFO = 5, HOST_HISTORICAL_LOOKUP = 6,
    HOST_EXPORT = 7, HOST_MACHINE = 8, HOST_PEEK = 9, HOST_POKE = 10, HOST_PAGES = 11, HOST_INVOKE = 12, HOST_EXPUNGE = 13,
    HOST_BLESS = 14, HOST_ASSIGN = 15, HOST_DESIGNATE = 16, HOST_CHECKPOINT = 17, HOST_NEW = 18, HOST_UPGRADE = 19,
    HOST_TRANSFER = 20, HOST_EJECT = 21, HOST_QUERY = 22, HOST_SOLICIT = 23, HOST_FORGET = 24, HOST_YIELD = 25,
    HOST_PROVIDE = 26, HOST_LOG = 100
};

// Results of host calls that are failures. All of them are above every length.
#define HOST_NONE ((u64)-1)
#define HOST_WHAT ((u64)-2)
#define HOST_OOB ((u64)-3)
#define HOST_WHO ((u64)-4)
#define HOST_FULL ((u64)-5)
#define HOST_CORE ((u64)-6)
#define HOST_CASH ((u64)-7)
#define HOST_LOW ((u64)-8)
#define HOST_HUH ((u64)-9)

#endif
