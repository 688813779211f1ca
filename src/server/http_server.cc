#include "server/http_server.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace brim::server {

namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMostHeaderBytes = 64 << 10;
constexpr int kSliceMilliseconds = 100;  // how soon a stopping server is noticed

constexpr int kLingerSeconds = 2;  // for what the client of a refused request still sends

thread_local socket_t current_socket = -1;
thread_local bool refused = false;  // the request that this thread handles

bool is_open(socket_t socket) {
  char byte;
  const ssize_t got = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR));
}

class Connection final : public httplib::Stream {
 public:
  Connection(socket_t socket, const ConnectionLimits& limits, const std::atomic<bool>& stopping)
      : socket_(socket), limits_(limits), stopping_(stopping) {}

  // Waits for a request to begin; false: none does.
  bool next_request() {
    const auto until = Clock::now() + std::chrono::seconds(limits_.idle_seconds);
    if (begin_ == end_ && !wait(POLLIN, until)) return false;
    request_until_ = Clock::now() + std::chrono::seconds(limits_.request_seconds);
    allowed_ = limits_.request_bytes + kMostHeaderBytes;
    return true;
  }

  bool is_readable() const override { return begin_ < end_ || poll_once(POLLIN, 0); }
  bool is_writable() const override { return poll_once(POLLOUT, 0) && is_open(socket_); }

  ssize_t read(char* to, size_t size) override {
    if (begin_ == end_) {
      if (allowed_ == 0 || !wait(POLLIN, request_until_)) return -1;
      const ssize_t got = recv(socket_, buffer_, std::min(sizeof(buffer_), allowed_), 0);
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
      allowed_ -= end_;
    }
    const size_t count = std::min(size, end_ - begin_);
    std::copy_n(buffer_ + begin_, count, to);
    begin_ += count;
    return static_cast<ssize_t>(count);
  }

  // Takes what the client still sends until it closes, so that it finds the answer before the end.
  void linger() {
    const auto until = Clock::now() + std::chrono::seconds(kLingerSeconds);
    for (size_t taken = 0; taken < limits_.request_bytes && wait(POLLIN, until);) {
      const ssize_t got = recv(socket_, buffer_, sizeof(buffer_), 0);
      if (got <= 0) return;
      taken += static_cast<size_t>(got);
    }
  }

  // All of it, or -1.
  ssize_t write(const char* from, size_t size) override {
    for (size_t done = 0; done < size;) {
      if (!wait(POLLOUT, Clock::now() + std::chrono::seconds(limits_.write_seconds))) return -1;
      const ssize_t sent = send(socket_, from + done, size - done, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return -1;
      if (sent > 0) done += static_cast<size_t>(sent);
    }
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string& ip, int& port) const override { name(getpeername, ip, port); }
  void get_local_ip_and_port(std::string& ip, int& port) const override { name(getsockname, ip, port); }
  socket_t socket() const override { return socket_; }

 private:
  bool poll_once(short what, int milliseconds) const {
    pollfd one{socket_, what, 0};
    return poll(&one, 1, milliseconds) > 0 && (one.revents & (what | POLLHUP | POLLERR)) != 0;
  }

  bool wait(short what, Clock::time_point until) const {
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
      if (left <= 0) return false;
      if (poll_once(what, static_cast<int>(std::min<int64_t>(left, kSliceMilliseconds)))) return true;
      if (stopping_) return false;
    }
  }

  template <typename Name>
  void name(const Name& name_of, std::string& ip, int& port) const {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    char host[NI_MAXHOST], service[NI_MAXSERV];
    if (name_of(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) return;
    if (getnameinfo(reinterpret_cast<sockaddr*>(&address), size, host, sizeof(host), service, sizeof(service),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
      return;
    }
    ip = host;
    port = std::atoi(service);
  }

  const socket_t socket_;
  const ConnectionLimits& limits_;
  const std::atomic<bool>& stopping_;
  Clock::time_point request_until_;
  size_t allowed_ = 0;  // bytes that the request may still bring
  char buffer_[4096];
  size_t begin_ = 0, end_ = 0;  // what of the buffer has not been read
};

}  // namespace

HttpServer::HttpServer(const ConnectionLimits& limits) : limits_(limits) {
  set_payload_max_length(limits.request_bytes);
  set_keep_alive_max_count(1000);  // httplib's 5 makes clients connect anew all the time
}

bool HttpServer::client_is_there() { return current_socket < 0 || is_open(current_socket); }

void HttpServer::close_behind(httplib::Response& response) {
  refused = true;
  response.set_header("Connection", "close");
}

void HttpServer::accept_bursts() { ::listen(svr_sock_, SOMAXCONN); }

void HttpServer::run() {
  if (!stopping_) listen_after_bind();
  ended_ = true;
}

void HttpServer::stop_all() {
  stopping_ = true;
  // Between a thread's call of run() and its first look at the socket, stop() would do nothing.
  for (int i = 0; i < 100 && !ended_; ++i) {
    if (is_running()) return stop();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

bool HttpServer::process_and_close_socket(socket_t socket) {
  Connection connection(socket, limits_, stopping_);
  current_socket = socket;
  bool good = true, closed = false;
  refused = false;
  for (size_t left = keep_alive_max_count_;
       left > 0 && good && !closed && !refused && connection.next_request(); --left) {
    good = process_request(connection, /*close_connection=*/left == 1, closed, nullptr);
  }
  current_socket = -1;
  // What has been written is still to arrive where the client sent more than was read.
  shutdown(socket, SHUT_WR);
  if (refused) connection.linger();
  char rest[4096];
  for (int i = 0; i < 64 && recv(socket, rest, sizeof(rest), MSG_DONTWAIT) > 0; ++i) {
  }
  close(socket);
  return good;
}

}  // namespace brim::server
