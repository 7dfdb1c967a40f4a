/* Lets one machine stand for others. The loader hands each library over before its code runs
 * (LD_AUDIT); the CPUID instructions in it whose places are given are replaced by one that traps, and
 * the trap answers as another CPU would. What the processor can do is unchanged, so features can only
 * be hidden.
 *
 * CPUID_PLACES="libtensorflow_cc.so.2:f189ad2,f189af1;..." gives the places, as offsets from where the
 * library lies. CPUID_AS="vendor=GenuineIntel,family=6,model=207,l1=48,l2=2048,l3=32768,smt=1,
 * hide=avx512" says which CPU is meant; sizes are KiB, and what is not named stays as it is. hide is
 * amx, avx512 or avx2, each with what is above it. CPUID_LOG=FILE takes each
 * answer, with the place that asked. */
#define _GNU_SOURCE
#include <cpuid.h>
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static struct {
  int known, hide_amx, hide_avx512, hide_avx2;
  FILE *log;
  char vendor[13];
  unsigned family, model, l1, l2, l3, smt;
} as;
static uintptr_t places[1024], offsets[1024];
static int count;

static void word(const char *name, const char *form, void *into) {
  const char *all = getenv("CPUID_AS");
  char key[16];
  snprintf(key, sizeof key, "%s=", name);
  const char *at = all ? strstr(all, key) : NULL;
  if (at != NULL) sscanf(at + strlen(key), form, into);
}

static void read_wish(void) {
  char hide[16] = "";
  word("vendor", "%12[^,]", as.vendor);
  word("family", "%u", &as.family);
  word("model", "%u", &as.model);
  word("l1", "%u", &as.l1);
  word("l2", "%u", &as.l2);
  word("l3", "%u", &as.l3);
  word("smt", "%u", &as.smt);
  word("hide", "%15[^,]", hide);
  as.hide_avx2 = strcmp(hide, "avx2") == 0;
  as.hide_avx512 = as.hide_avx2 || strcmp(hide, "avx512") == 0;
  as.hide_amx = as.hide_avx512 || strcmp(hide, "amx") == 0;
  const char *log = getenv("CPUID_LOG");
  if (log != NULL) as.log = fopen(log, "a");
  as.known = 1;
}

static void real(const uint32_t in[2], uint32_t out[4]) {
  __cpuid_count(in[0], in[1], out[0], out[1], out[2], out[3]);
}

static const char *real_vendor(void) {
  static char name[13];
  uint32_t r[4], in[2] = {0, 0};
  real(in, r);
  memcpy(name, &r[1], 4), memcpy(name + 4, &r[3], 4), memcpy(name + 8, &r[2], 4);
  return name;
}

/* Sizes in KiB of level 1, 2 or 3 of this machine, from whichever leaf it has. */
static unsigned real_size(int level) {
  uint32_t r[4], leaf = strcmp(real_vendor(), "GenuineIntel") == 0 ? 4 : 0x8000001D;
  for (uint32_t i = 0; i < 8; i++) {
    real((uint32_t[]){leaf, i}, r);
    if ((r[0] & 31) == 0) break;
    if ((r[0] & 31) == 2 || ((r[0] >> 5) & 7) != (uint32_t)level) continue;
    return ((r[1] >> 22) + 1) * (((r[1] >> 12) & 1023) + 1) * ((r[1] & 4095) + 1) * (r[2] + 1) / 1024;
  }
  return 0;
}

static unsigned size(int level) {
  unsigned wished = level == 1 ? as.l1 : level == 2 ? as.l2 : as.l3;
  return wished ? wished : real_size(level);
}

/* The answer about one cache, in the form that leaf 4 (Intel) and 0x8000001D (AMD) share. */
static void cache(uint32_t index, uint32_t out[4]) {
  static const int levels[] = {1, 1, 2, 3}, kinds[] = {1, 2, 3, 3};
  memset(out, 0, 4 * sizeof *out);
  if (index > 3) return;
  unsigned kib = index == 1 ? 32 : size(levels[index]), lines = kib * 16;
  unsigned sets = levels[index] == 1 ? 64 : levels[index] == 2 ? 1024 : lines / 16;
  unsigned sharing = as.smt ? as.smt : 1;
  if (levels[index] == 3) sharing = 16;
  out[0] = kinds[index] | levels[index] << 5 | 1 << 8 | (sharing - 1) << 14;
  out[1] = 63 | (lines / sets - 1) << 22;
  out[2] = sets - 1;
}

static void answer(const uint32_t in[2], uint32_t out[4]) {
  real(in, out);
  const char *vendor = as.vendor[0] ? as.vendor : real_vendor();
  int intel = strcmp(vendor, "GenuineIntel") == 0;
  int caches = as.vendor[0] || as.l1 || as.l2 || as.l3 || as.smt;
  switch (in[0]) {
    case 0:
      memcpy(&out[1], vendor, 4), memcpy(&out[3], vendor + 4, 4), memcpy(&out[2], vendor + 8, 4);
      break;
    case 1:
      if (as.family) {
        unsigned base = as.family < 15 ? as.family : 15, more = as.family - base;
        out[0] = (out[0] & 15) | (as.model & 15) << 4 | base << 8 | (as.model >> 4) << 16 | more << 20;
      }
      if (as.hide_avx2) out[2] &= ~(1u << 12); /* FMA */
      break;
    case 4:
      if (caches && intel) cache(in[1], out);
      if (!intel) memset(out, 0, 4 * sizeof *out);
      break;
    case 7:
      if (as.hide_amx && in[1] == 0) out[3] &= ~(1u << 22 | 1u << 24 | 1u << 25);
      if (as.hide_avx512 && in[1] == 0) {
        out[1] &= ~(1u << 16 | 1u << 17 | 1u << 21 | 1u << 26 | 1u << 27 | 1u << 28 | 1u << 30 | 1u << 31);
        out[2] &= ~(1u << 1 | 1u << 6 | 1u << 11 | 1u << 12 | 1u << 14);
        out[3] &= ~(1u << 2 | 1u << 3 | 1u << 8 | 1u << 23);
      }
      if (as.hide_avx512 && in[1] == 1) out[0] &= ~(1u << 4 | 1u << 5), out[3] = 0; /* VNNI, BF16, AVX10 */
      if (as.hide_avx2 && in[1] == 0) out[1] &= ~(1u << 5);
      break;
    case 0x80000005:
      if (caches && !intel) out[2] = size(1) << 24 | 8 << 16 | 1 << 8 | 64;
      if (intel) memset(out, 0, 4 * sizeof *out);
      break;
    case 0x80000006:
      if (caches) out[2] = size(2) << 16 | 6 << 12 | 64;
      if (caches && !intel) out[3] = (size(3) / 512) << 18 | 9 << 12 | 1 << 8 | 64;
      break;
    case 0x8000001D:
      if (intel) memset(out, 0, 4 * sizeof *out);
      else if (caches) cache(in[1], out);
      break;
  }
}

static void trap(int signal, siginfo_t *info, void *context) {
  greg_t *at = ((ucontext_t *)context)->uc_mcontext.gregs;
  for (int i = 0; i < count; i++) {
    if (places[i] != (uintptr_t)at[REG_RIP]) continue;
    uint32_t in[2] = {(uint32_t)at[REG_RAX], (uint32_t)at[REG_RCX]}, out[4];
    answer(in, out);
    if (as.log) {
      fprintf(as.log, "%lx: %x.%x: %x %x %x %x\n", offsets[i], in[0], in[1], out[0], out[1], out[2], out[3]);
      fflush(as.log);
    }
    at[REG_RAX] = out[0], at[REG_RBX] = out[1], at[REG_RCX] = out[2], at[REG_RDX] = out[3];
    at[REG_RIP] += 2;
    return;
  }
  (void)signal, (void)info;
  struct sigaction usual = {.sa_handler = SIG_DFL};
  sigaction(SIGILL, &usual, NULL); /* another illegal instruction: it comes again and ends the process */
}

static void replace(uintptr_t base, const char *list) {
  static const uint8_t CPUID[] = {0x0f, 0xa2}, TRAP[] = {0x0f, 0x0b};
  uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  while (*list != 0 && *list != ';') {
    char *end;
    uintptr_t at = base + strtoul(list, &end, 16), from = at & ~(page - 1);
    size_t length = at + 2 - from;
    if (count == 1024 || memcmp((void *)at, CPUID, 2) != 0) {
      fprintf(stderr, "cpuid: no such instruction at %.12s\n", list);
      _exit(70);
    }
    if (mprotect((void *)from, length, PROT_READ | PROT_WRITE | PROT_EXEC) != 0) _exit(71);
    memcpy((void *)at, TRAP, 2);
    mprotect((void *)from, length, PROT_READ | PROT_EXEC);
    offsets[count] = at - base, places[count++] = at;
    list = *end == ',' ? end + 1 : end;
  }
  struct sigaction action = {.sa_sigaction = trap, .sa_flags = SA_SIGINFO};
  sigaction(SIGILL, &action, NULL);
}

unsigned la_version(unsigned version) { return version; }

unsigned la_objopen(struct link_map *map, Lmid_t space, uintptr_t *cookie) {
  (void)space, (void)cookie;
  if (!as.known) read_wish();
  const char *all = getenv("CPUID_PLACES"), *name = strrchr(map->l_name, '/');
  name = name ? name + 1 : map->l_name;
  size_t length = strlen(name);
  for (; all != NULL && *name != 0; all = strchr(all, ';') ? strchr(all, ';') + 1 : NULL)
    if (strncmp(all, name, length) == 0 && all[length] == ':')
      replace(map->l_addr, all + length + 1);
  return 0;
}
