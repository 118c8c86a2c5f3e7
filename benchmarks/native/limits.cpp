// What this machine allows: the rates of float32 fused multiply-adds and of bf16 tile products held in registers, and the
// rate at which memory is read front to back. No engine, no library. Without AMX the rate of bf16 is that of float32.
//   bench_limits --kind fma | bf16 | read --threads N [--bytes B] [--seconds S]
// One JSON line: the instruction set used, and for each sample flops a second or bytes a second over all threads.
#include <barrier>
#include <cstring>
#include <memory>
#include <thread>

#include "measure.h"
#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace agl::bench {
namespace {

enum class Isa { scalar, avx2, avx512 };

Isa widestIsa() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    return Isa::avx512;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Isa::avx2;
#endif
  return Isa::scalar;
}

const char* nameOf(Isa isa) { return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "scalar"; }

volatile float floatSink;
volatile std::uint64_t bitsSink;

// Every round is kChains independent fused multiply-adds on all lanes; returns the flops done.
constexpr std::int64_t kRounds = 100'000;

double fmaScalar() {
  constexpr int kChains = 8;
  float sums[kChains] = {1, 2, 3, 4, 5, 6, 7, 8};
  for (std::int64_t i = 0; i < kRounds; i++) {
    for (float& sum : sums) sum = sum * 0.999F + 1e-4F;
  }
  for (const float sum : sums) floatSink = sum;
  return 2.0 * kRounds * kChains;
}

#if defined(__x86_64__)
[[gnu::target("avx2,fma")]] double fmaAvx2() {
  constexpr int kChains = 12;
  const __m256 factor = _mm256_set1_ps(0.999F), term = _mm256_set1_ps(1e-4F);
  __m256 sums[kChains];
#pragma GCC unroll 12
  for (int c = 0; c < kChains; c++) sums[c] = _mm256_set1_ps(static_cast<float>(c));
  for (std::int64_t i = 0; i < kRounds; i++) {
#pragma GCC unroll 12
    for (int c = 0; c < kChains; c++) sums[c] = _mm256_fmadd_ps(sums[c], factor, term);
  }
#pragma GCC unroll 12
  for (int c = 0; c < kChains; c++) floatSink = _mm256_cvtss_f32(sums[c]);
  return 2.0 * 8 * kRounds * kChains;
}

[[gnu::target("avx512f")]] double fmaAvx512() {
  constexpr int kChains = 24;
  const __m512 factor = _mm512_set1_ps(0.999F), term = _mm512_set1_ps(1e-4F);
  __m512 sums[kChains];
#pragma GCC unroll 24
  for (int c = 0; c < kChains; c++) sums[c] = _mm512_set1_ps(static_cast<float>(c));
  for (std::int64_t i = 0; i < kRounds; i++) {
#pragma GCC unroll 24
    for (int c = 0; c < kChains; c++) sums[c] = _mm512_fmadd_ps(sums[c], factor, term);
  }
#pragma GCC unroll 24
  for (int c = 0; c < kChains; c++) floatSink = _mm512_cvtss_f32(sums[c]);
  return 2.0 * 16 * kRounds * kChains;
}
#endif

double fma(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return fmaAvx512();
  if (isa == Isa::avx2) return fmaAvx2();
#endif
  return isa == Isa::scalar ? fmaScalar() : 0;
}

#if defined(__x86_64__)
// AMX with bf16, of the processor and allowed by the operating system, which wants to be asked once a process.
[[gnu::target("xsave")]] bool hasAmx() {
  constexpr unsigned kBf16AndTile = 1U << 22 | 1U << 24;
  constexpr unsigned long long kTileState = 3ULL << 17;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid_count(1, 0, &a, &b, &c, &d) == 0 || (c & bit_OSXSAVE) == 0) return false;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & kBf16AndTile) != kBf16AndTile) return false;
  if ((_xgetbv(0) & kTileState) != kTileState) return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

// Four sums of 16 x 16, each round one step of 32 products for every number of each.
[[gnu::target("amx-tile,amx-bf16")]] double tilesAmx() {
  struct alignas(64) Shapes {
    std::uint8_t palette = 1, unused[15] = {};
    std::uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  const Shapes shapes;
  alignas(64) static thread_local std::uint8_t zeros[1024] = {};
  alignas(64) std::uint8_t out[1024];
  _tile_loadconfig(&shapes);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, zeros, 64);
  _tile_loadd(5, zeros, 64);
  _tile_loadd(6, zeros, 64);
  _tile_loadd(7, zeros, 64);
  for (std::int64_t i = 0; i < kRounds; i++) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, out, 64);
  bitsSink = out[0];
  _tile_release();
  return 4.0 * 2 * 16 * 16 * 32 * kRounds;
}
#else
bool hasAmx() { return false; }
double tilesAmx() { return 0; }
#endif

// A vector type of 64 bytes, which the compiler lowers to what the surrounding function's target has.
using Line [[gnu::vector_size(64)]] = std::uint64_t;

// `streams` equal parts of `bytes` side by side, one line of each in turn.
template <int streams>
[[gnu::always_inline]] inline void readLines(const std::byte* from, std::int64_t bytes) {
  const std::int64_t part = bytes / streams / 64 * 64;
  Line sums[4] = {};
  for (std::int64_t at = 0; at < part; at += 64) {
#pragma GCC unroll 4
    for (int s = 0; s < streams; s++) sums[s % 4] ^= *reinterpret_cast<const Line*>(from + s * part + at);
  }
  for (int lane = 0; lane < 8; lane++) bitsSink = sums[0][lane] ^ sums[1][lane] ^ sums[2][lane] ^ sums[3][lane];
}

using Read = void (*)(const std::byte*, std::int64_t);
template <int streams>
void readScalar(const std::byte* from, std::int64_t bytes) {
  readLines<streams>(from, bytes);
}
#if defined(__x86_64__)
template <int streams>
[[gnu::target("avx2")]] void readAvx2(const std::byte* from, std::int64_t bytes) {
  readLines<streams>(from, bytes);
}
template <int streams>
[[gnu::target("avx512f")]] void readAvx512(const std::byte* from, std::int64_t bytes) {
  readLines<streams>(from, bytes);
}
#endif

template <int streams>
Read readOf(Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return readAvx512<streams>;
  if (isa == Isa::avx2) return readAvx2<streams>;
#endif
  return isa == Isa::scalar ? readScalar<streams> : nullptr;
}

// work(thread) on all threads between two barriers, over and over; returns the seconds of each round but the first.
template <class Work>
std::vector<double> secondsOfRounds(int threads, double seconds, Work work) {
  std::vector<double> out;
  std::vector<std::thread> team;
  std::barrier meeting(threads);
  bool going = true;
  for (int t = 0; t < threads; t++) {
    team.emplace_back([&, t] {
      const double start = secondsNow();
      for (bool first = true; going; first = false) {
        meeting.arrive_and_wait();
        const double begin = secondsNow();
        work(t);
        meeting.arrive_and_wait();
        const double end = secondsNow();
        if (t == 0) {
          if (!first) out.push_back(end - begin);
          going = out.size() < 3 || end - start < seconds;
        }
        meeting.arrive_and_wait();
      }
    });
  }
  for (std::thread& member : team) member.join();
  return out;
}

std::vector<double> rates(const std::vector<double>& seconds, double amount) {
  std::vector<double> out;
  for (const double s : seconds) out.push_back(amount / s);
  return out;
}

template <class Work>
std::vector<double> flopRates(int threads, double seconds, Work work) {
  constexpr int kCalls = 20;
  const double flops = kCalls * threads * work();
  return rates(secondsOfRounds(threads, seconds, [&](int) {
                 for (int i = 0; i < kCalls; i++) work();
               }), flops);
}

// Each thread reads its own share; a small share is read often enough that the barriers do not count.
std::vector<double> readRates(int threads, double seconds, std::int64_t bytes, Read read) {
  const std::int64_t share = bytes / threads / 4096 * 4096;
  const std::int64_t passes = (std::int64_t{1} << 26) / (share * threads) + 1;
  constexpr std::size_t kHugePage = 1 << 21;
  const std::size_t size = (static_cast<std::size_t>(share * threads) + kHugePage - 1) / kHugePage * kHugePage;
  const std::unique_ptr<std::byte, decltype(&std::free)> memory(
      static_cast<std::byte*>(std::aligned_alloc(kHugePage, size)), &std::free);
#if defined(__linux__)
  madvise(memory.get(), size, MADV_HUGEPAGE);
#endif
  std::memset(memory.get(), 1, static_cast<std::size_t>(share * threads));
  const std::vector<double> taken = secondsOfRounds(threads, seconds, [&](int t) {
    for (std::int64_t pass = 0; pass < passes; pass++) read(memory.get() + t * share, share);
  });
  return rates(taken, static_cast<double>(passes * share * threads));
}

int run(const Arguments& arguments) {
  const Isa isa = widestIsa();
  const int threads = static_cast<int>(arguments.integer("threads", 1));
  const std::string kind = arguments.text("kind", "");
  const double seconds = arguments.number("seconds", 0.3);
  const std::string named = std::string("\"isa\":\"") + nameOf(isa) + "\",";
  if (kind == "bf16" && threads > 0 && hasAmx()) {
    printResult("\"isa\":\"amx\",\"one\":" + jsonNumbers(flopRates(threads, seconds, tilesAmx)));
    return 0;
  }
  if ((kind == "fma" || kind == "bf16") && threads > 0) {
    printResult(named + "\"one\":" + jsonNumbers(flopRates(threads, seconds, [isa] { return fma(isa); })));
    return 0;
  }
  const std::int64_t bytes = arguments.integer("bytes", std::int64_t{1} << 28);
  if (kind == "read" && threads > 0 && bytes / threads >= 16'384) {
    printResult(named + "\"one\":" + jsonNumbers(readRates(threads, seconds, bytes, readOf<1>(isa))) +
                ",\"four\":" + jsonNumbers(readRates(threads, seconds, bytes, readOf<4>(isa))));
    return 0;
  }
  std::fprintf(stderr, "bench_limits: expected --kind fma|bf16|read, --threads of 1 or more, 16 KiB or more for each\n");
  return 1;
}

}  // namespace
}  // namespace agl::bench

int main(int argc, char** argv) { return agl::bench::run(agl::bench::Arguments(argc, argv)); }
