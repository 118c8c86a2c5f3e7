#include "ops/rows/rows.h"

#include "ops/backends.h"

namespace agl::test {
namespace {

struct Shape {
  std::int64_t many, cols;
  std::vector<std::int32_t> rows;
};
const Shape kShapes[] = {{1, 1, {0}},
                         {5, 3, {}},
                         {5, 33, {1, 4}},
                         {9, 1030, {0, 1, 2, 5, 8}},
                         {40, 7, {3, 4, 6, 7, 11, 12, 13, 21, 30, 38, 39}}};

}  // namespace

TEST("rows: gather takes the named rows in their order") {
  for (const Shape& s : kShapes) {
    const auto few = static_cast<std::int64_t>(s.rows.size());
    const Floats x0 = randomNumbers(s.many * s.cols, 1);
    std::vector<std::int32_t> backwards(s.rows.rbegin(), s.rows.rend());
    Floats expected;
    for (const std::int32_t r : backwards) {
      expected.insert(expected.end(), x0.begin() + r * s.cols, x0.begin() + (r + 1) * s.cols);
    }
    onEveryDevice([&](Context& ctx) {
      Apart x(s.many, s.cols, x0, ctx.device), y(few, s.cols, kNan, ctx.device);
      Mirrored<std::int32_t> rows(ctx.device, backwards);
      if (few > 0) ctx.ops.rows.gather(ctx, y.view(), x.view(), {rows.device(), backwards.size()});
      CHECK(y.equals(expected));
    });
  }
}

TEST("rows: scatter puts rows in their places and zeroes every other") {
  for (const Shape& s : kShapes) {
    const auto few = static_cast<std::int64_t>(s.rows.size());
    const Floats x0 = randomNumbers(few * s.cols, 1);
    Floats expected(static_cast<std::size_t>(s.many * s.cols));
    for (std::int64_t i = 0; i < few; i++) {
      std::copy_n(x0.begin() + i * s.cols, s.cols, expected.begin() + s.rows[static_cast<std::size_t>(i)] * s.cols);
    }
    onEveryDevice([&](Context& ctx) {
      Apart x(std::max<std::int64_t>(few, 1), s.cols, few > 0 ? x0 : Floats(static_cast<std::size_t>(s.cols)), ctx.device);
      Apart y(s.many, s.cols, kNan, ctx.device);
      Mirrored<std::int32_t> rows(ctx.device, few > 0 ? s.rows : std::vector<std::int32_t>{0});
      ctx.ops.rows.scatter(ctx, y.view(), x.view(), {rows.device(), s.rows.size()});
      CHECK(y.equals(expected));
    });
  }
}

}  // namespace agl::test
