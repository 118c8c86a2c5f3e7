// Makes constraints of grammars, on a thread of its own: the NativeConstraints of src/policy/engine/native-constraints.ts. What it answers with is held by
// JavaScript alone, and may be given to any engine of the same vocabulary.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "channel.h"
#include "engine.h"

namespace agl::binding {

// Of a value that ConstraintsObject::make answered with; null for undefined.
std::shared_ptr<const Constraint> constraintOf(const Napi::Value& value);

class ConstraintsObject : public Napi::ObjectWrap<ConstraintsObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit ConstraintsObject(const Napi::CallbackInfo& info);
  ~ConstraintsObject() override;

 private:
  struct Job {
    napi_deferred deferred;
    std::vector<std::int32_t> words;
  };
  Napi::Value make(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo&) { shutDown(); }

  void loop();
  void run(Job job);
  // From any thread: settles on the JavaScript thread.
  void settle(std::function<void(napi_env)> task);
  void shutDown();
  static void onEnvironmentEnd(void* self);

  // Taken by the thread, which makes the vocabulary before the first constraint.
  std::vector<std::uint8_t> bytes_;
  std::vector<std::uint32_t> offsets_;
  std::vector<std::int32_t> special_;
  std::int64_t outputs_;
  std::shared_ptr<ConstraintVocabulary> vocabulary_;

  std::unique_ptr<Channel> channel_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool closing_ = false;
  bool closed_ = false;
  bool hooked_ = true;  // the environment still holds our cleanup hook
  std::thread thread_;
};

}  // namespace agl::binding
