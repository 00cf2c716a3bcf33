// Native yardstick: times bench(n) of one workload.
//   gcc -O2 sieve.c native.c -o sieve && ./sieve 30 5
// prints {"exec_ms":[...],"output":"<8 octets, hex, little-endian>"} (CPU time of the process, one figure a repetition).
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef unsigned long long u64;
u64 bench(u64 n);
u64 host_call(u64 x) { return x + 1; }

static double cpu_ms(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
  if (argc < 2) { fprintf(stderr, "usage: %s N [REPETITIONS]\n", argv[0]); return 2; }
  u64 n = strtoull(argv[1], 0, 10), result = 0;
  int repetitions = argc > 2 ? atoi(argv[2]) : 1;
  printf("{\"exec_ms\":[");
  for (int i = 0; i < repetitions; i++) {
    double start = cpu_ms();
    result = bench(n);
    printf("%s%.4f", i ? "," : "", cpu_ms() - start);
  }
  printf("],\"output\":\"");
  for (int i = 0; i < 8; i++) printf("%02x", (int)(result >> (8 * i) & 255));
  printf("\"}\n");
  return 0;
}
