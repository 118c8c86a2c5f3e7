#include "ops/lora/lora.h"

#include "lora_groups.h"

namespace agl::test {
namespace {

const std::size_t kScratchBytes = loraScratchBytes(Dtype::bf16, 1);

void checkComposed(Context& ctx, const LoraGroup& group) {
  for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
    LoraProblem problem(ctx, dtype, group);
    problem.run(runComposed);
    const std::vector<Floats> expected = problem.rowsOf();
    problem.run(runGrouped);
    CHECK(problem.rowsOf().size() == expected.size());
    for (std::size_t i = 0; i < expected.size(); i++) CHECK(sameNumbers(problem.rowsOf()[i], expected[i]));
  }
}

}  // namespace

TEST("lora: a group has the bits of its tasks' products one after another, each scaled and then added, and touches no other row") {
  onEveryDevice([](Context& ctx) {
    for (const LoraGroup& group : loraGroups()) checkComposed(ctx, group);
  }, kScratchBytes);
}

TEST("lora: threads that share a group by its rows or by its outputs keep the bits") {
  onEveryBackend([](Context& ctx) {
    if (ctx.pool.threads() == 1) return;
    checkComposed(ctx, {300, {{1, 3}, {70, 16}, {5, 64}}, {700, 130}});
    checkComposed(ctx, {1100, {{1, 64}, {1, 200}}, {530, 1100}});
  }, kScratchBytes);
}

TEST("lora: a row has the same bits in any group, at any place, beside any other rows") {
  const LoraGroup& group = loraGroups()[1];
  const std::int64_t longest = 33;
  onEveryDevice([&](Context& ctx) {
    for (const Dtype dtype : {Dtype::f32, Dtype::bf16}) {
      LoraProblem together(ctx, dtype, group), apart(ctx, dtype, group);
      together.run(runGrouped);
      const std::vector<Floats> expected = together.rowsOf();
      for (std::int64_t row = 0; row < longest; row += 8) {
        apart.run(runGrouped, row, 1);
        const std::vector<Floats> alone = apart.rowsOf();
        std::size_t computed = 0;
        for (std::size_t i = 0; i < expected.size(); i++) {
          if (std::isnan(alone[i][0])) continue;
          CHECK(sameNumbers(alone[i], expected[i]));
          computed++;
        }
        CHECK(computed >= group.outputs.size());
      }
    }
  }, kScratchBytes);
}

}  // namespace agl::test
