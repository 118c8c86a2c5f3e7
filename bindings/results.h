// Native results as JavaScript values over the raw C interface. A null value means that the environment refused, which happens only while it is torn down.
#pragma once

#include <node_api.h>

#include <string>
#include <vector>

#include "engine.h"

namespace agl::binding {

napi_value number(napi_env env, double value);
napi_value text(napi_env env, const std::string& value);
napi_value floats(napi_env env, const float* data, std::size_t count);
napi_value ints(napi_env env, const std::vector<std::int32_t>& values);
void set(napi_env env, napi_value object, const char* key, napi_value value);
napi_value object(napi_env env);
// An Error with a code.
napi_value error(napi_env env, const std::string& code, const std::string& message);
napi_value choices(napi_env env, const std::vector<Choice>& values);

}  // namespace agl::binding
