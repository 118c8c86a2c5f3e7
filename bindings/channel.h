// From native threads to JavaScript: one thread-safe function over the raw C interface, since a C++ exception thrown while an environment is
// torn down would end the process. The process stays alive while a promise is pending and no longer.
#pragma once

#include <node_api.h>

#include <functional>

namespace agl::binding {

class Channel {
 public:
  using Task = std::function<void(napi_env)>;

  explicit Channel(napi_env env);
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // From any thread: runs the task on the JavaScript thread, in order, or drops it when the environment is going away.
  void post(Task task);
  // On the JavaScript thread: one promise more, one less.
  void begin();
  void end();
  // On the JavaScript thread: nothing is posted any more; what was posted still runs.
  void release();

 private:
  static void call(napi_env env, napi_value, void* context, void* data);

  napi_env env_;
  napi_threadsafe_function function_ = nullptr;
  int pending_ = 0;
  bool released_ = false;
};

}  // namespace agl::binding
