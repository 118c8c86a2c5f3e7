#include "channel.h"

#include <memory>

namespace agl::binding {

Channel::Channel(napi_env env) : env_(env) {
  napi_value name = nullptr;
  napi_create_string_utf8(env, "agentlightning", NAPI_AUTO_LENGTH, &name);
  napi_create_threadsafe_function(env, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this, call, &function_);
  napi_unref_threadsafe_function(env, function_);
}

void Channel::post(Task task) {
  auto owned = std::make_unique<Task>(std::move(task));
  if (napi_call_threadsafe_function(function_, owned.get(), napi_tsfn_nonblocking) == napi_ok) {
    static_cast<void>(owned.release());  // `call` owns it now
  }
}

void Channel::begin() {
  if (pending_++ == 0) napi_ref_threadsafe_function(env_, function_);
}

void Channel::end() {
  if (--pending_ == 0) napi_unref_threadsafe_function(env_, function_);
}

void Channel::release() {
  if (released_) return;
  released_ = true;
  napi_release_threadsafe_function(function_, napi_tsfn_release);
}

// --- internal ---

void Channel::call(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (env != nullptr) (*task)(env);
}

}  // namespace agl::binding
