// The server that `brim serve` runs: OpenAI's endpoints over HTTP (docs/server.md).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/host_speculation.h"
#include "runtime/loaded_model.h"
#include "server/request.h"

namespace brim::server {

struct ServerOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;      // 0: any that is free
  std::string alias = {};    // the model's id; empty: its image's name
  std::string api_key = {};  // empty: none is asked for
  std::string cors_origin = {};
  std::string slot_save_path = {};  // a folder; empty: slots are not saved
  uint32_t queue = 64;              // requests that wait for a slot
  size_t max_body = 8 << 20;        // bytes of a request
  int request_seconds = 30;         // in which it has to arrive
  double read_bandwidth = 0;        // of this machine's memory, bytes per second; 0: not known
  SpecOptions spec = {};
  bool context_shift = false;  // a full context drops its older half, and the answer goes on
  RequestDefaults defaults = {};
};

class Server {
 public:
  // The model must outlive it; it has as many slots as its executor has KV caches. Throws Error if the
  // address cannot be had.
  Server(LoadedModel& model, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url() const;
  uint16_t port() const;

  // Answers requests until stop(), which may be called from any thread.
  void run();
  void stop();

 private:
  class Handlers;
  std::unique_ptr<Handlers> handlers_;
};

}  // namespace brim::server
