# The short form of "make torture": nginx is killed in every way, and every
# answer whose last byte arrived is in the ledger exactly once.

use strict;
use warnings;

use Test::More;

$ENV{KILLS} ||= 20;

my $said = qx{t/torture/run 2>&1};
my $rc = $? >> 8;

is($rc, 0, "t/torture/run");
like($said, qr/^kills +\d+/m, "nginx was killed");
like($said, qr/^answers +[1-9]\d* whole/m, "there were answers");
like($said, qr/^lost = 0, doubled = 0$/m, "nothing is lost or doubled");

$rc == 0 ? note($said) : diag($said);

done_testing();
