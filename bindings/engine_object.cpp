#include "engine_object.h"

#include "arrays.h"
#include "options.h"
#include "results.h"

namespace agl::binding {

Napi::Function EngineObject::define(Napi::Env env) {
  return DefineClass(env, "Engine",
                     {
                         InstanceMethod<&EngineObject::load>("load"),
                         InstanceMethod<&EngineObject::plan>("plan"),
                         InstanceMethod<&EngineObject::counters>("counters"),
                         InstanceMethod<&EngineObject::arithmetic>("arithmetic"),
                         InstanceMethod<&EngineObject::isa>("isa"),
                         InstanceMethod<&EngineObject::addAdapter>("addAdapter"),
                         InstanceMethod<&EngineObject::removeAdapter>("removeAdapter"),
                         InstanceMethod<&EngineObject::sample>("sample"),
                         InstanceMethod<&EngineObject::cancel>("cancel"),
                         InstanceMethod<&EngineObject::holdSampler>("holdSampler"),
                         InstanceMethod<&EngineObject::divide>("divide"),
                         InstanceMethod<&EngineObject::forward>("forward"),
                         InstanceMethod<&EngineObject::backward>("backward"),
                         InstanceMethod<&EngineObject::optimStep>("optimStep"),
                         InstanceMethod<&EngineObject::parameters>("parameters"),
                         InstanceMethod<&EngineObject::zeroGradients>("zeroGradients"),
                         InstanceMethod<&EngineObject::setGradients>("setGradients"),
                         InstanceMethod<&EngineObject::restore>("restore"),
                         InstanceMethod<&EngineObject::close>("close"),
                     });
}

EngineObject::EngineObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<EngineObject>(info),
      options_(engineOptions(info[0].As<Napi::Object>())),
      cuda_(static_cast<int>(numberField(info[0].As<Napi::Object>(), "cuda"))) {
  channel_ = std::make_unique<Channel>(info.Env());
  thread_ = std::make_unique<EngineThread>();
  // Registered after the channel's function, so it runs before that is torn down (hooks run last in, first out).
  napi_add_env_cleanup_hook(info.Env(), onEnvironmentEnd, this);
}

EngineObject::~EngineObject() {
  if (hooked_) napi_remove_env_cleanup_hook(Env(), onEnvironmentEnd, this);
  shutDown();
}

Napi::Value EngineObject::load(const Napi::CallbackInfo& info) {
  return promise(info.Env(), [this](std::unique_ptr<Engine>& engine) -> ToValue {
    EngineOptions options = options_;
    if (cuda_ >= 0) std::tie(options.device, options.ops) = openCuda(cuda_);
    if (engine == nullptr) engine = std::make_unique<Engine>(std::move(options));
    return [](napi_env) -> napi_value { return nullptr; };
  });
}

Napi::Value EngineObject::addAdapter(const Napi::CallbackInfo& info) {
  return promise(info.Env(), [this, adapter = adapterOptions(info[0].As<Napi::Object>())](
                                 std::unique_ptr<Engine>& engine) -> ToValue {
    const int handle = engine->addAdapter(adapter.targets, adapter.files, adapter.seed);
    return [handle](napi_env env) { return number(env, handle); };
  });
}

Napi::Value EngineObject::removeAdapter(const Napi::CallbackInfo& info) {
  const int handle = info[0].ToNumber().Int32Value();
  return promise(info.Env(), [handle](std::unique_ptr<Engine>& engine) -> ToValue {
    engine->removeAdapter(handle);
    return [](napi_env) -> napi_value { return nullptr; };
  });
}

Napi::Value EngineObject::forward(const Napi::CallbackInfo& info) {
  const auto from = info[0].As<Napi::Object>();
  const int adapter = static_cast<int>(numberField(from, "adapter"));
  const auto temperature = static_cast<float>(numberField(from, "temperature"));
  const bool keep = from.Get("keep").ToBoolean();
  return promise(info.Env(), [adapter, temperature, keep, batch = sequences(from)](
                                 std::unique_ptr<Engine>& engine) -> ToValue {
    auto scores = std::make_shared<Scores>(engine->forward(batch.view(), adapter, temperature, keep));
    return [scores](napi_env env) {
      napi_value out = object(env);
      set(env, out, "logprobs", floats(env, scores->logprobs.data(), scores->logprobs.size()));
      set(env, out, "entropies", floats(env, scores->entropies.data(), scores->entropies.size()));
      return out;
    };
  });
}

Napi::Value EngineObject::backward(const Napi::CallbackInfo& info) {
  const std::span<const double> logprobs = doubles(info[0], "dLogprobs");
  const std::span<const double> entropies = doubles(info[1], logprobs.size(), "dEntropies");
  return promise(info.Env(), [dLogprobs = std::vector<double>(logprobs.begin(), logprobs.end()),
                              dEntropies = std::vector<double>(entropies.begin(), entropies.end())](
                                 std::unique_ptr<Engine>& engine) -> ToValue {
    engine->backward(dLogprobs, dEntropies);
    return [](napi_env) -> napi_value { return nullptr; };
  });
}

Napi::Value EngineObject::optimStep(const Napi::CallbackInfo& info) {
  const auto from = info[0].As<Napi::Object>();
  const int adapter = static_cast<int>(numberField(from, "adapter"));
  return promise(info.Env(), [adapter, step = binding::optimStep(from)](std::unique_ptr<Engine>& engine) -> ToValue {
    const double norm = engine->optimStep(adapter, step);
    const auto version = static_cast<double>(engine->version(adapter));
    return [norm, version](napi_env env) {
      napi_value out = object(env);
      set(env, out, "gradNorm", number(env, norm));
      set(env, out, "version", number(env, version));
      return out;
    };
  });
}

Napi::Value EngineObject::parameters(const Napi::CallbackInfo& info) {
  const int handle = info[0].ToNumber().Int32Value();
  const std::string kind = info[1].ToString().Utf8Value();
  return promise(info.Env(), [handle, kind](std::unique_ptr<Engine>& engine) -> ToValue {
    const ParameterSet& from = engine->parameters(handle);
    auto tensors = std::make_shared<std::vector<std::vector<float>>>();
    for (std::size_t i = 0; i < from.count(); i++) {
      const View view = kind == "gradient"       ? from.gradient(i)
                        : kind == "firstMoment"  ? from.firstMoment(i)
                        : kind == "secondMoment" ? from.secondMoment(i)
                                                 : from.value(i);
      tensors->push_back(engine->read(view));
    }
    return [tensors](napi_env env) -> napi_value {
      napi_value out = nullptr;
      if (napi_create_array_with_length(env, tensors->size(), &out) != napi_ok) return nullptr;
      for (std::size_t i = 0; i < tensors->size(); i++) {
        napi_value tensor = floats(env, (*tensors)[i].data(), (*tensors)[i].size());
        if (tensor != nullptr) napi_set_element(env, out, static_cast<std::uint32_t>(i), tensor);
      }
      return out;
    };
  });
}

Napi::Value EngineObject::zeroGradients(const Napi::CallbackInfo& info) {
  const int handle = info[0].ToNumber().Int32Value();
  return promise(info.Env(), [handle](std::unique_ptr<Engine>& engine) -> ToValue {
    engine->parameters(handle).zeroGradients();
    return [](napi_env) -> napi_value { return nullptr; };
  });
}

Napi::Value EngineObject::setGradients(const Napi::CallbackInfo& info) {
  const int handle = info[0].ToNumber().Int32Value();
  return promise(info.Env(), [handle, gradients = floatVectors(info[1])](std::unique_ptr<Engine>& engine) -> ToValue {
    engine->setGradients(handle, gradients);
    return [](napi_env) -> napi_value { return nullptr; };
  });
}

Napi::Value EngineObject::restore(const Napi::CallbackInfo& info) {
  const int handle = info[0].ToNumber().Int32Value();
  return promise(info.Env(), [handle, state = trainingState(info[1].As<Napi::Object>())](
                                 std::unique_ptr<Engine>& engine) -> ToValue {
    engine->restore(handle, state);
    return [](napi_env) -> napi_value { return nullptr; };
  });
}

static void callWith(napi_env env, napi_ref onToken, const SampledToken& sampled) {
  napi_value callback = nullptr;
  napi_value self = nullptr;
  napi_value isForced = nullptr;
  napi_get_reference_value(env, onToken, &callback);
  napi_get_undefined(env, &self);
  napi_get_boolean(env, sampled.isForced, &isForced);
  napi_value arguments[6] = {number(env, sampled.choice),
                             number(env, sampled.token),
                             number(env, static_cast<double>(sampled.logprob)),
                             number(env, sampled.version),
                             number(env, static_cast<double>(sampled.mass)),
                             isForced};
  if (callback != nullptr) napi_call_function(env, self, callback, 6, arguments, nullptr);
}

Napi::Value EngineObject::sample(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  requireOpen(env, "sample");
  const auto from = info[1].As<Napi::Object>();
  SampleRequest request = sampleRequest(from);
  request.id = info[0].ToNumber().Int64Value();
  napi_ref onToken = nullptr;
  if (from.Get("onToken").IsFunction()) napi_create_reference(env, from.Get("onToken"), 1, &onToken);
  Napi::Value result;
  const napi_deferred deferred = begin(env, result);
  if (onToken != nullptr) {
    request.onToken = [this, onToken](const SampledToken& sampled) {
      channel_->post([onToken, sampled](napi_env at) { callWith(at, onToken, sampled); });
    };
  }
  const auto forget = [onToken](napi_env at) {
    if (onToken != nullptr) napi_delete_reference(at, onToken);
  };
  request.onDone = [this, deferred, forget](std::vector<Choice> done) {
    auto shared = std::make_shared<std::vector<Choice>>(std::move(done));
    resolve(deferred, [shared, forget](napi_env at) {
      forget(at);
      return choices(at, *shared);
    });
  };
  request.onError = [this, deferred, forget](const char* code, const std::string& message) {
    channel_->post(forget);
    reject(deferred, code, message);
  };
  thread_->post([this, request = std::move(request)](std::unique_ptr<Engine>& engine) mutable {
    const auto onError = request.onError;
    try {
      if (engine == nullptr) throw Error("E_CLOSED", "policy.sample: the policy was closed");
      request.onDone = [this, engine = engine.get(), onDone = std::move(request.onDone)](std::vector<Choice> done) {
        publish(*engine);
        onDone(std::move(done));
      };
      engine->addSample(std::move(request));
    } catch (const Error& failure) {
      onError(failure.code(), failure.what());
    } catch (const std::exception& failure) {
      onError("E_INTERNAL", failure.what());
    }
  });
  return result;
}

void EngineObject::cancel(const Napi::CallbackInfo& info) {
  const std::int64_t id = info[0].ToNumber().Int64Value();
  const int choice = info[1].ToNumber().Int32Value();
  const std::int64_t keep = info[2].ToNumber().Int64Value();
  if (closed_) return;
  thread_->post([id, choice, keep](std::unique_ptr<Engine>& engine) {
    if (engine != nullptr) engine->scheduler().cancel(id, choice, keep);
  });
}

void EngineObject::holdSampler(const Napi::CallbackInfo& info) {
  if (!closed_) thread_->holdSampler(info[0].ToBoolean());
}

Napi::Value EngineObject::divide(const Napi::CallbackInfo& info) {
  const auto shares = static_cast<std::size_t>(info[1].ToNumber().Int64Value());
  const Division division = divideBatch(sequences(info[0].As<Napi::Object>()).view(), options_.trainTokens, shares);
  const Napi::Env env = info.Env();
  Napi::Object out = Napi::Object::New(env);
  out.Set("order", Napi::Value(env, ints(env, division.order)));
  out.Set("ends", Napi::Value(env, ints(env, division.ends)));
  out.Set("distinct", static_cast<double>(division.distinct));
  out.Set("repeated", static_cast<double>(division.repeated));
  return out;
}

void EngineObject::close(const Napi::CallbackInfo&) { shutDown(); }

// --- internal ---

Napi::Value EngineObject::promise(Napi::Env env, std::function<ToValue(std::unique_ptr<Engine>&)> work) {
  requireOpen(env, "engine");
  Napi::Value result;
  const napi_deferred deferred = begin(env, result);
  // A load that fails leaves no engine; a job after close() is called with none.
  const bool loading = !loaded_;
  loaded_ = true;
  thread_->post([this, deferred, loading, work = std::move(work)](std::unique_ptr<Engine>& engine) {
    try {
      if (engine == nullptr && (!loading || thread_->closing())) throw Error("E_CLOSED", "policy: closed");
      ToValue value = work(engine);
      publish(*engine);
      resolve(deferred, std::move(value));
    } catch (const Error& failure) {
      reject(deferred, failure.code(), failure.what());
    } catch (const std::exception& failure) {
      reject(deferred, "E_INTERNAL", failure.what());
    }
  });
  return result;
}

napi_deferred EngineObject::begin(Napi::Env env, Napi::Value& result) {
  napi_deferred deferred = nullptr;
  napi_value value = nullptr;
  if (napi_create_promise(env, &deferred, &value) != napi_ok) refuse(env, "a promise could not be made");
  result = Napi::Value(env, value);
  Ref();
  channel_->begin();
  return deferred;
}

void EngineObject::resolve(napi_deferred deferred, ToValue value) {
  channel_->post([this, deferred, value = std::move(value)](napi_env env) {
    napi_value result = value(env);
    if (result == nullptr) napi_get_undefined(env, &result);
    napi_resolve_deferred(env, deferred, result);
    settled();
  });
}

void EngineObject::reject(napi_deferred deferred, std::string code, std::string message) {
  channel_->post([this, deferred, code = std::move(code), message = std::move(message)](napi_env env) {
    napi_reject_deferred(env, deferred, error(env, code, message));
    settled();
  });
}

void EngineObject::settled() {
  channel_->end();
  Unref();
}

void EngineObject::requireOpen(Napi::Env env, const char* who) const {
  if (!closed_) return;
  throw Napi::Error(env, error(env, "E_CLOSED", std::string("policy.") + who + ": the policy was closed"));
}

void EngineObject::shutDown() {
  if (closed_) return;
  closed_ = true;
  thread_->close();
  channel_->release();
}

void EngineObject::onEnvironmentEnd(void* self) {
  auto* object = static_cast<EngineObject*>(self);
  object->hooked_ = false;
  object->shutDown();
}

}  // namespace agl::binding
