# thread_pool_test under ThreadSanitizer, which cannot be combined with the sanitizers of the debug preset: two
# sources, so they are compiled here once more.
include(CheckCXXSourceCompiles)
set(CMAKE_REQUIRED_FLAGS -fsanitize=thread)
check_cxx_source_compiles("int main() {}" HAVE_THREAD_SANITIZER)
unset(CMAKE_REQUIRED_FLAGS)

if(HAVE_THREAD_SANITIZER AND NOT BRIM_SANITIZE)
  add_executable(thread_pool_tsan_test thread_pool.cc thread_pool_test.cc)
  target_include_directories(thread_pool_tsan_test PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_compile_options(thread_pool_tsan_test PRIVATE -fsanitize=thread -O1 -g)
  target_link_options(thread_pool_tsan_test PRIVATE -fsanitize=thread)
  target_link_libraries(thread_pool_tsan_test PRIVATE GTest::gtest_main Threads::Threads)
  add_test(NAME ThreadPoolHasNoDataRaces COMMAND thread_pool_tsan_test --gtest_filter=-*Idle* --gtest_brief=1)
  set_tests_properties(ThreadPoolHasNoDataRaces PROPERTIES TIMEOUT 300)
endif()
