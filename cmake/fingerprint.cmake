# cmake -DINPUTS=a;b;... -DOUTPUT=x.h -P fingerprint.cmake: a header that tells these files' contents from others'.
set(all "")
foreach(input ${INPUTS})
  file(SHA256 ${input} one)
  string(APPEND all ${one})
endforeach()
string(SHA256 fingerprint "${all}")
file(WRITE ${OUTPUT} "#pragma once\n#define BRIM_RTL_FINGERPRINT \"${fingerprint}\"\n")
