# Power loss: images of the store as a disk may hold it (t/torture/power.c).

use strict;
use warnings;

exec "build/torture/power", $ENV{POWER_IMAGES} || 60
    or die "build/torture/power: $!\n";
