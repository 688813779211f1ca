// The headers as the firmware compiles them: no exceptions, no run-time types, no hosted library.
#include "numerics/a16.h"
#include "numerics/exp.h"
#include "numerics/fp16.h"
#include "numerics/fp32.h"
#include "numerics/gelu.h"
#include "numerics/kv4.h"
#include "numerics/kv8.h"
#include "numerics/reciprocal.h"
#include "numerics/rotation.h"
#include "numerics/route.h"
#include "numerics/rsqrt.h"
#include "numerics/silu.h"
#include "numerics/sums.h"

static_assert(__STDC_HOSTED__ == 0);
