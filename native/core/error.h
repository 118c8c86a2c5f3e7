// The one exception of the native code: a code that the binding passes on unchanged and a message for people.
#pragma once

#include <stdexcept>
#include <string>

namespace agl {

class Error : public std::runtime_error {
 public:
  Error(const char* code, const std::string& message) : std::runtime_error(message), code_(code) {}
  // A LightningError code: "E_ARGUMENT", "E_MEMORY", ... ; a string literal.
  const char* code() const { return code_; }

 private:
  const char* code_;
};

}  // namespace agl
