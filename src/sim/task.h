// Units as coroutines. A unit's code reads from top to bottom; where it needs a time that another unit has
// not worked out yet, it says `co_await until([&] { return known; })` and goes on once that holds.
//
// Simulated time is not kept here: units compute the cycles of their events from the cycles of the events
// these depend on, as far ahead as those are known. So the order in which units are resumed cannot change
// any result.
#pragma once

#include <coroutine>
#include <exception>
#include <utility>

namespace brim::sim {

class Unit;

// A coroutine that may wait, and that other Tasks of the same unit may co_await.
class [[nodiscard]] Task {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  struct Final {
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(Handle done) const noexcept;
    void await_resume() const noexcept {}
  };

  struct promise_type {
    Unit* unit = nullptr;
    Handle parent;
    std::exception_ptr error;

    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() { error = std::current_exception(); }
  };

  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  // Awaiting a task runs it, and goes on when it is done.
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(Handle parent) noexcept {
    handle_.promise().unit = parent.promise().unit;
    handle_.promise().parent = parent;
    return handle_;
  }
  void await_resume() const {
    if (handle_.promise().error) std::rethrow_exception(handle_.promise().error);
  }

  Handle handle() const { return handle_; }

 private:
  Handle handle_;
};

inline std::coroutine_handle<> Task::Final::await_suspend(Handle done) const noexcept {
  if (done.promise().parent) return done.promise().parent;
  return std::noop_coroutine();
}

// Runs one top-level task.
class Unit {
 public:
  explicit Unit(Task task) : task_(std::move(task)) {
    task_.handle().promise().unit = this;
    blocked_ = task_.handle();
    may_go_on_ = [](void*) { return true; };
  }
  Unit(const Unit&) = delete;
  Unit& operator=(const Unit&) = delete;

  // Goes on as far as possible; false if it could not go on at all. Throws what the task throws.
  bool advance() {
    if (done() || !may_go_on_(waiting_for_)) return false;
    blocked_.resume();
    if (done()) task_.await_resume();
    return true;
  }
  bool done() const { return task_.handle().done(); }

  void block(std::coroutine_handle<> at, void* condition, bool (*may_go_on)(void*)) {
    blocked_ = at;
    waiting_for_ = condition;
    may_go_on_ = may_go_on;
  }

 private:
  Task task_;
  std::coroutine_handle<> blocked_;
  void* waiting_for_ = nullptr;
  bool (*may_go_on_)(void*);
};

template <typename Condition>
class Until {
 public:
  explicit Until(Condition condition) : condition_(condition) {}
  bool await_ready() { return condition_(); }
  void await_suspend(Task::Handle at) {
    at.promise().unit->block(at, this, [](void* self) { return static_cast<Until*>(self)->condition_(); });
  }
  void await_resume() const noexcept {}

 private:
  Condition condition_;
};

// Waits until `condition()`, which must stay true once it is.
template <typename Condition>
Until<Condition> until(Condition condition) {
  return Until<Condition>(condition);
}

}  // namespace brim::sim
