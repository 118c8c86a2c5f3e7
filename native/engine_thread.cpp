#include "engine.h"

namespace agl {

void EngineThread::post(std::function<void(std::unique_ptr<Engine>&)> job) {
  {
    std::lock_guard lock(mutex_);
    if (!closing_) {
      jobs_.push_back(std::move(job));
      wake_.notify_one();
      return;
    }
  }
  std::unique_ptr<Engine> none;
  job(none);
}

void EngineThread::holdSampler(bool held) {
  {
    std::lock_guard lock(mutex_);
    samplerIsHeld_ = held;
  }
  wake_.notify_one();
}

void EngineThread::close() {
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    if (Engine* engine = running_.load()) engine->stop();
  }
  wake_.notify_one();
  if (thread_.joinable()) thread_.join();
}

// --- internal ---

void EngineThread::loop() {
  setComputeFloatMode();
  std::unique_ptr<Engine> engine;
  std::unique_lock lock(mutex_);
  while (!closing_) {
    const bool sampling = !samplerIsHeld_ && engine != nullptr && !engine->scheduler().idle();
    if (jobs_.empty() && !sampling) {
      wake_.wait(lock);
      continue;
    }
    std::function<void(std::unique_ptr<Engine>&)> job;
    if (!jobs_.empty()) {
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    lock.unlock();
    if (job) {
      job(engine);
    } else {
      engine->sampleStep();
    }
    lock.lock();
    running_.store(engine.get());
  }
  running_.store(nullptr);
  std::deque<std::function<void(std::unique_ptr<Engine>&)>> dropped = std::move(jobs_);
  lock.unlock();
  if (engine != nullptr) engine->scheduler().failAll("E_CLOSED", "policy.sample: the policy was closed");
  engine.reset();
  for (const auto& job : dropped) job(engine);
}

}  // namespace agl
