// An error as OpenAI's API tells it: {"error": {"message", "type", "param", "code"}}.
#pragma once

#include <exception>
#include <nlohmann/json.hpp>
#include <string>

namespace brim::server {

using Json = nlohmann::ordered_json;

// JSON as text; bytes that are no UTF-8 become U+FFFD.
inline std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

class ApiError : public std::exception {
 public:
  ApiError(int status, std::string message, std::string param = {}, std::string code = {})
      : status_(status), message_(std::move(message)), param_(std::move(param)), code_(std::move(code)) {}

  int status() const { return status_; }
  const char* what() const noexcept override { return message_.c_str(); }
  Json json() const {
    const auto or_null = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
    const char* const type = status_ == 401   ? "authentication_error"
                             : status_ == 404 ? "not_found_error"
                             : status_ == 503 ? "overloaded_error"
                             : status_ >= 500 ? "server_error"
                                              : "invalid_request_error";
    return {{"error",
             {{"message", message_}, {"type", type}, {"param", or_null(param_)}, {"code", or_null(code_)}}}};
  }

 private:
  int status_;
  std::string message_, param_, code_;
};

}  // namespace brim::server
