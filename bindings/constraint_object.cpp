#include "constraint_object.h"

#include "arrays.h"
#include "options.h"
#include "results.h"

namespace agl::binding {

// Tells our values from those of other addons.
static constexpr napi_type_tag kTag = {0x6b1f0f2c9a4d4e57, 0x93d2a5c07e1b8f46};

struct Held {
  std::shared_ptr<const Constraint> constraint;
  std::int64_t bytes;
};

static napi_value hold(napi_env env, const std::shared_ptr<const Constraint>& constraint) {
  napi_value out = nullptr;
  std::int64_t total = 0;
  auto held = std::make_unique<Held>(Held{constraint, static_cast<std::int64_t>(constraint->bytes())});
  const auto release = [](napi_env at, void* data, void*) {
    const std::unique_ptr<Held> owned(static_cast<Held*>(data));
    std::int64_t left = 0;
    napi_adjust_external_memory(at, -owned->bytes, &left);
  };
  if (napi_create_external(env, held.get(), release, nullptr, &out) != napi_ok) return nullptr;
  napi_adjust_external_memory(env, held->bytes, &total);
  static_cast<void>(held.release());  // the value's finaliser owns it now
  napi_type_tag_object(env, out, &kTag);
  return out;
}

std::shared_ptr<const Constraint> constraintOf(const Napi::Value& value) {
  if (value.IsUndefined()) return nullptr;
  bool isOurs = false;
  if (value.IsExternal()) napi_check_object_type_tag(value.Env(), value, &kTag, &isOurs);
  if (!isOurs) refuse(value.Env(), "constraint: expected what Constraints.make answered with");
  return value.As<Napi::External<Held>>().Data()->constraint;
}

Napi::Function ConstraintsObject::define(Napi::Env env) {
  return DefineClass(env, "Constraints",
                     {InstanceMethod<&ConstraintsObject::make>("make"), InstanceMethod<&ConstraintsObject::close>("close")});
}

ConstraintsObject::ConstraintsObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ConstraintsObject>(info) {
  const auto from = info[0].As<Napi::Object>();
  const auto bytes = from.Get("bytes").As<Napi::Uint8Array>();
  const std::span<const std::int32_t> offsets = offsetsOf(from.Get("offsets"), bytes.ElementLength());
  const std::span<const std::int32_t> special = ints(from.Get("special"), "special");
  bytes_.assign(bytes.Data(), bytes.Data() + bytes.ElementLength());
  offsets_.assign(offsets.begin(), offsets.end());
  special_.assign(special.begin(), special.end());
  outputs_ = static_cast<std::int64_t>(numberField(from, "outputs"));
  channel_ = std::make_unique<Channel>(info.Env());
  thread_ = std::thread([this] { loop(); });
  napi_add_env_cleanup_hook(info.Env(), onEnvironmentEnd, this);
}

ConstraintsObject::~ConstraintsObject() {
  if (hooked_) napi_remove_env_cleanup_hook(Env(), onEnvironmentEnd, this);
  shutDown();
}

Napi::Value ConstraintsObject::make(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::span<const std::int32_t> words = ints(info[0], "grammar");
  if (closed_) throw Napi::Error(env, error(env, "E_CLOSED", "policy.constrain: the policy was closed"));
  napi_deferred deferred = nullptr;
  napi_value value = nullptr;
  napi_create_promise(env, &deferred, &value);
  Ref();
  channel_->begin();
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({deferred, {words.begin(), words.end()}});
  }
  wake_.notify_one();
  return Napi::Value(env, value);
}

// --- internal ---

void ConstraintsObject::loop() {
  std::unique_lock lock(mutex_);
  while (!closing_ || !jobs_.empty()) {
    if (jobs_.empty()) {
      wake_.wait(lock);
      continue;
    }
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    const bool isDropped = closing_;
    lock.unlock();
    if (isDropped) {
      settle([deferred = job.deferred](napi_env env) {
        napi_reject_deferred(env, deferred, error(env, "E_CLOSED", "policy.constrain: the policy was closed"));
      });
    } else {
      run(std::move(job));
    }
    lock.lock();
  }
}

void ConstraintsObject::run(Job job) {
  const auto reject = [&](const std::string& code, const std::string& message) {
    settle([deferred = job.deferred, code, message](napi_env env) {
      napi_reject_deferred(env, deferred, error(env, code, message));
    });
  };
  try {
    if (vocabulary_ == nullptr) {
      vocabulary_ = std::make_shared<ConstraintVocabulary>(std::move(bytes_), std::move(offsets_), special_, outputs_);
    }
    const std::shared_ptr<const Constraint> made = makeConstraint(vocabulary_, job.words);
    settle([deferred = job.deferred, made, bytes = static_cast<double>(made->bytes())](napi_env env) {
      napi_value out = object(env);
      set(env, out, "handle", hold(env, made));
      set(env, out, "bytes", number(env, bytes));
      napi_resolve_deferred(env, deferred, out);
    });
  } catch (const Error& failure) {
    reject(failure.code(), failure.what());
  } catch (const std::exception& failure) {
    reject("E_INTERNAL", failure.what());
  }
}

void ConstraintsObject::settle(std::function<void(napi_env)> task) {
  channel_->post([this, task = std::move(task)](napi_env env) {
    task(env);
    channel_->end();
    Unref();
  });
}

void ConstraintsObject::shutDown() {
  if (closed_) return;
  closed_ = true;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  thread_.join();
  channel_->release();
}

void ConstraintsObject::onEnvironmentEnd(void* self) {
  auto* object = static_cast<ConstraintsObject*>(self);
  object->hooked_ = false;
  object->shutDown();
}

}  // namespace agl::binding
