// A random model in a temporary file, as the loader would find it, and the pieces engine laws share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine.h"
#include "harness.h"

namespace agl::test {

// Where a law's engine computes, and with weights of which type: operands are bf16 where those of the layers are codes.
struct Arithmetic {
  Arithmetic(Dtype weights, bool cuda = false) : dtype(isCode(weights) ? Dtype::bf16 : weights), onCuda(cuda) {
    if (isCode(weights)) codes = weights;
  }
  operator Dtype() const { return dtype; }
  // An emulated device is some hundred times slower than the CPU: laws try fewer cases there.
  bool isSlow() const;
  Dtype dtype;
  std::optional<Dtype> codes;
  bool onCuda;
};

struct ModelSize {
  std::int64_t hidden = 64;
  std::int64_t layers = 2;
  std::int64_t heads = 4;
  std::int64_t kvHeads = 2;
  std::int64_t headSize = 16;
  std::int64_t intermediate = 96;
  std::int64_t vocabulary = 300;
  bool tie = true;
  bool biases = true;
  bool headNorms = false;
  std::int64_t contextLength = 1024;
  Arithmetic compute = Dtype::f32;
  // The layers' products are numbers that codes of this type times a scale are.
  std::optional<Dtype> roundedTo = {};
};

// The file lives as long as this object.
class RandomModel {
 public:
  explicit RandomModel(const ModelSize& size, std::uint64_t seed = 1);
  ~RandomModel();
  RandomModel(const RandomModel&) = delete;
  RandomModel& operator=(const RandomModel&) = delete;

  // One thread, widest instruction set, room for the context, unwritten memory NaN.
  // On CUDA each time with a device of its own.
  EngineOptions options() const;
  // LoRA of this rank on all projections; B is made non-zero through `perturb`.
  std::vector<LoraTarget> targets(std::int64_t rank, float scale) const;

 private:
  std::string path_;
  EngineOptions options_;
  bool onCuda_ = false;
};

// The same options once for every instruction set of this machine; once on CUDA.
std::vector<EngineOptions> everyIsa(const EngineOptions& options);

// Adds small random numbers to every value of a parameter set and packs them: an adapter that does something.
void perturb(Engine& engine, int handle, float amount, std::uint64_t seed);

std::vector<std::int32_t> randomTokens(std::int64_t count, std::int64_t vocabulary, std::uint64_t seed);

// Sequences laid end to end, owned.
struct Batch {
  std::vector<std::int32_t> tokens;
  std::vector<std::int32_t> offsets{0};
  void add(const std::vector<std::int32_t>& sequence);
  Sequences view() const { return {tokens, offsets}; }
};

struct Sampled {
  std::vector<Choice> choices;
  std::string error;
};
SampleRequest request(std::vector<std::int32_t> prompt, int choices, std::int64_t maxTokens, int adapter,
                      std::uint64_t seed);
// Joins the running batch; the result is filled when it is done. `into` must outlive it.
void start(Engine& engine, SampleRequest request, Sampled& into);
void finishAll(Engine& engine);

// The log-probabilities of each choice of `sampled` as forward gives them for prompt + tokens: true when every bit agrees.
bool sameBits(Engine& engine, const std::vector<std::int32_t>& prompt, const std::vector<Choice>& choices, int adapter,
              float temperature);

}  // namespace agl::test

// A test that holds in every arithmetic: its body is given one after the other as `compute`. On CUDA it is a test of its own.
#define LAW(sentence)                                                                          \
  static void AGL_JOIN(law_, __LINE__)(agl::test::Arithmetic compute);                         \
  TEST(sentence) {                                                                             \
    for (const agl::Dtype compute : {agl::Dtype::f32, agl::Dtype::bf16}) {                     \
      AGL_JOIN(law_, __LINE__)(compute);                                                       \
    }                                                                                          \
  }                                                                                            \
  static const ::agl::test::Register AGL_JOIN(register_cuda_, __LINE__)("on CUDA: " sentence, [] { \
    for (const agl::Dtype compute : {agl::Dtype::f32, agl::Dtype::bf16}) {                     \
      AGL_JOIN(law_, __LINE__)({compute, true});                                               \
    }                                                                                          \
  });                                                                                          \
  static void AGL_JOIN(law_, __LINE__)([[maybe_unused]] agl::test::Arithmetic compute)
