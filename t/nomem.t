# Allocations of nginx that fail: t/torture/nomem.py says what must hold.

use strict;
use warnings;

$ENV{NOMEM_STEP} ||= 12;

exec "t/torture/nomem.py" or die "t/torture/nomem.py: $!\n";
