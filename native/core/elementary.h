// exp, log, sin and cos in double, our own: libm's last bits differ from system to system, ours may not (Law 1).
// For scalars off the hot path; compiled without contraction, exp and log for the device from the same source
// (elementary.double.h). Within 1 ulp of float64 (exp, log), 2 ulp (sin, cos, for |x| <= 1e6 radians). NaN in, NaN out.
#pragma once

namespace agl::elementary {

// Infinity on overflow; denormal results are rounded twice.
double exp(double x);
// log(0) = -infinity; of a negative number, NaN.
double log(double x);
// NaN beyond 1e6, where the reduction by pi/2 is no longer exact.
double sin(double x);
double cos(double x);

}  // namespace agl::elementary
