// httplib's server, with connections of our own: whoever sends too slowly, takes nothing, sends too much or
// goes away costs a thread for a bounded time and nothing else. A stream lasts as long as its client takes
// something of it within write_seconds each time.
#pragma once

#include <httplib.h>

#include <atomic>

namespace brim::server {

struct ConnectionLimits {
  int request_seconds = 30;        // from a request's first byte to its last
  int write_seconds = 30;          // without the client taking anything
  int idle_seconds = 5;            // between requests
  size_t request_bytes = 8 << 20;  // of a body; headers may have 64 KiB more
};

class HttpServer final : public httplib::Server {
 public:
  explicit HttpServer(const ConnectionLimits& limits);

  // Whether the client of the request that this thread handles is still there. One that has closed its side
  // for writing counts as gone.
  static bool client_is_there();

  // Ends this thread's connection behind the answer to the request that it handles: what is left of a request
  // that is refused unread must not be taken for another one.
  static void close_behind(httplib::Response& response);

  // After a bind: many clients may come at once.
  void accept_bursts();

  // Answers requests until stop_all().
  void run();

  // Ends run() and all connections as soon as what they wait for allows it. Any thread, also before run().
  void stop_all();

 private:
  bool process_and_close_socket(socket_t socket) override;

  const ConnectionLimits limits_;
  std::atomic<bool> stopping_{false}, ended_{false};
};

}  // namespace brim::server
