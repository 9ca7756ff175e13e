# Calls that fail, core alone: t/torture/fail.c says what must hold.

use strict;
use warnings;

exec "build/torture/fail" or die "build/torture/fail: $!\n";
