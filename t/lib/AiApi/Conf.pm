package AiApi::Conf;

# nginx -t: what it says to a configuration, and that it makes nothing.
#
#   accepts("ai_api_quota post;", $pass);
#   refuses("ai_api_quota x;", $pass, qr/invalid value/);
#   my ($code, $said) = nginx_t($http, $server, $main);
#   $dir        the directory of the block, once one of these was called

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

our @EXPORT = qw($dir $pass nginx_t run_nginx accepts refuses);

our $dir;
our $pass = "location / { ai_api_pass http://127.0.0.1:1; }";


# nginx -t with these lines in http, server and main; the secrets are good
# ones unless $http has its own.

sub nginx_t {
    my ($http, $server, $main) = @_;

    return run_nginx("-t", $http, $server, $main);
}


sub run_nginx {
    my ($option, $http, $server, $main) = @_;

    $dir = AiApi::state_dir();
    $main = "" if !defined $main;

    for my $line ("ai_api_store $dir/new map_size=64m;", "ai_api_pepper_file $dir/pepper;",
                  "ai_api_jwt_key_file $dir/jwt.key;")
    {
        my ($name) = split / /, $line;
        $http .= "\n    $line" if $http !~ /\b$name\b/;
    }

    $http =~ s/\bno \w+;//g;
    $http =~ s/\$DIR/$dir/g;
    $server =~ s/\$DIR/$dir/g;

    open my $out, ">", "$dir/nginx.conf" or die "$!\n";
    print $out <<"EOC";
load_module $ENV{AI_API_MODULE};
$main
pid $dir/nginx.pid;
error_log stderr;
events {}
http {
    access_log off;
    client_body_temp_path $dir/body;
    proxy_temp_path $dir/proxy;
    fastcgi_temp_path $dir/fastcgi;
    scgi_temp_path $dir/scgi;
    uwsgi_temp_path $dir/uwsgi;
    $http
    server {
        listen unix:$dir/socket;
        $server
    }
}
EOC
    close $out;

    # left behind by an nginx that did not start
    unlink "$dir/socket";

    # an nginx that starts keeps its stderr open, so this is no pipe
    my $code = system "nginx $option -p $dir -c $dir/nginx.conf -e stderr"
        . " </dev/null >$dir/said 2>&1";

    open my $in, "<", "$dir/said" or die "$!\n";
    local $/;

    return ($code, scalar <$in>);
}


sub accepts {
    my ($http, $server, $name) = @_;
    my ($code, $said) = nginx_t($http, $server);

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    is($code, 0, defined $name ? $name : "$http $server") or diag($said);
}


# All patterns must be in the message; none of the secrets may.

sub refuses {
    my ($http, $server, @patterns) = @_;
    my ($code, $said) = nginx_t($http, $server);
    my @missing = grep { $said !~ $_ } qr/\[emerg\]/, @patterns;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok($code != 0 && !@missing, "refuses $http $server")
        or diag("code $code, without @missing:\n$said");
    is(index($said, $AiApi::Setup::secret), -1, "no secret in it");
}


1;
