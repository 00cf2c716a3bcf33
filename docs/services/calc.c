// A calculator: the argument is an expression of whole numbers, such as 2*(3+4), the output its value as text.
//
//     damson pvm link --header > pvm.h
//     clang --target=riscv64 -march=rv64im -mabi=lp64 -mno-relax -O2 -ffreestanding -fno-pic -c calc.c
//     damson pvm link calc.o -o calc.pvm
//     damson pvm run calc.pvm --arg 0x322a28332b3429          # "2*(3+4)"
//
// The same file is a native program: cc calc.c -o calc && ./calc '2*(3+4)'
#include "pvm.h"

static const u8 *next, *end;
static const char *error;

static i64 sum(void);

static u8 peek(void) {
    while (next < end && *next == ' ') next++;
    return next < end ? *next : 0;
}

static i64 atom(void) {
    u8 c = peek();
    if (c == '-') { next++; return -atom(); }
    if (c == '(') {
        next++;
        i64 value = sum();
        if (peek() != ')') error = "a ) is missing"; else next++;
        return value;
    }
    if (c < '0' || c > '9') { error = "a number is missing"; return 0; }
    i64 value = 0;
    for (; next < end && *next >= '0' && *next <= '9'; next++) value = value * 10 + (*next - '0');
    return value;
}

static i64 times(i64 a, i64 b) { return a * b; }
static i64 over(i64 a, i64 b) { if (b == 0) { error = "division by zero"; return 0; } return a / b; }
static i64 rest(i64 a, i64 b) { if (b == 0) { error = "division by zero"; return 0; } return a % b; }

// What * / and % do: a table of functions, which become entries of the program's jump table.
static i64 (*const products[256])(i64, i64) = {['*'] = times, ['/'] = over, ['%'] = rest};

static i64 product(void) {
    i64 value = atom();
    for (i64 (*op)(i64, i64); (op = products[peek()]) != 0 && !error;) { next++; value = op(value, atom()); }
    return value;
}

static i64 sum(void) {
    i64 value = product();
    while (!error) {
        switch (peek()) {
        case '+': next++; value += product(); continue;
        case '-': next++; value -= product(); continue;
        }
        break;
    }
    return value;
}

static u8 text[64];

static struct output number(i64 value) {
    u8 *at = text + sizeof text;
    u64 left = value < 0 ? -(u64)value : (u64)value;
    do *--at = (u8)('0' + left % 10); while (left /= 10);
    if (value < 0) *--at = '-';
    return (struct output){at, (u64)(text + sizeof text - at)};
}

struct output _calc(const u8 *expression, u64 length) {
    next = expression, end = expression + length, error = 0;
    i64 value = sum();
    if (!error && peek()) error = "something is left over";
    if (!error) return number(value);
    u64 n = 0;
    while (error[n]) n++;
    return (struct output){error, n};
}

#if defined(__riscv)
struct output _start(const u8 *arguments, u64 length) { return _calc(arguments, length); }
#else
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    struct output o = _calc((const u8 *)argv[1], strlen(argv[1]));
    fwrite(o.octets, 1, o.length, stdout);
    return 0;
}
#endif
