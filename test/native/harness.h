// A test is a sentence that could be false. Each program is one executable: it prints FAIL lines, ends with
// "N passed, N failed" and exits non-zero on failure.
#pragma once

#include <cmath>
#include <functional>
#include <source_location>
#include <string>

namespace agl::test {

struct Register {
  Register(const char* sentence, std::function<void()> body,
           std::source_location place = std::source_location::current());
};
// Records a failure of the running test and goes on.
void fail(const char* file, int line, const std::string& what);
// Prints what a test found out and does not judge.
void record(const std::string& what);

// NaN fails: the comparison is negated.
inline bool near(double a, double b, double atol, double rtol) { return std::abs(a - b) <= atol + rtol * std::abs(b); }

}  // namespace agl::test

#define AGL_JOIN2(a, b) a##b
#define AGL_JOIN(a, b) AGL_JOIN2(a, b)
#define TEST(sentence)                                                                                \
  static void AGL_JOIN(test_, __LINE__)();                                                            \
  static const ::agl::test::Register AGL_JOIN(register_, __LINE__)(sentence, AGL_JOIN(test_, __LINE__)); \
  static void AGL_JOIN(test_, __LINE__)()
#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) ::agl::test::fail(__FILE__, __LINE__, #condition);         \
  } while (false)
#define CHECK_NEAR(a, b, atol, rtol)                                                                       \
  do {                                                                                                     \
    const double aglA = (a), aglB = (b);                                                                   \
    if (!::agl::test::near(aglA, aglB, atol, rtol))                                                        \
      ::agl::test::fail(__FILE__, __LINE__,                                                                \
                        std::string(#a " = ") + std::to_string(aglA) + ", " #b " = " + std::to_string(aglB)); \
  } while (false)
