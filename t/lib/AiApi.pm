package AiApi;

# What every Test::Nginx file of this project shares:
#
#   use lib 't/lib';
#   use AiApi;                          # before Test::Nginx::Socket
#   use Test::Nginx::Socket 'no_plan';
#
#   run_tests();
#
# A master and two workers (nobody's, when nginx is root's), a free port and
# a directory of its own for each file, the module loaded, and "no [alert],
# [crit], [error], [emerg] in the log" asserted for every block that does not
# say otherwise.  Sections of a block besides those of Test::Nginx:
#
#   --- bare          no standard http_config and config (the module is loaded)
#   --- keep_state    the same store as the block before (needs no_shuffle)
#   --- upstream      Perl: a list of rules of FakeOllama.pm, which is nginx's
#                     "upstream ollama"
#   --- api_keys      lines "NAME USER JSON": what {{key:NAME}} is made of
#   --- steps         Perl, run before the request, with nginx up: the functions
#                     below, those of Test::More, $block; the request is then
#                     "GET /" unless given
#
# In request, raw_request, more_headers and response_body stand for
#   {{key}} {{key:NAME}}    an API key, made by the management API
#   {{jwt}} {{jwt:USER}}    a user's token (alice)
#   {{admin}}               an administrator's token
# $TEST_NGINX_STATE in a config is the directory with store, pepper, jwt.key.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use Test::More ();

use AiApi::Check;
use AiApi::Client;
use AiApi::Setup;
use AiApi::Wire;
use FakeOllama;

our @EXPORT = qw(ollama real_ollama upstream jwt admin_jwt key create_key api state_dir
                 logged json from_json client request nginx_pids);
push @EXPORT, @AiApi::Check::EXPORT, @AiApi::Wire::EXPORT;

my $json = JSON::PP->new->utf8->canonical->allow_nonref;

my $ollama;
my $address;    # host:port of the upstream
my $state;
my $states = 0;
my $specs = {};
my %keys;


# Test::Nginx reads its environment when it is loaded.

BEGIN {
    AiApi::Setup::environment();
    require Test::Nginx::Util;
    Test::Nginx::Util->import(qw(add_block_preprocessor master_on workers
                                 worker_connections));
    AiApi::Setup::fail_early();
}

master_on();
workers(2);
worker_connections(512);


add_block_preprocessor(sub {
    my ($block) = @_;

    if (!$states) {
        Test::Nginx::Socket::add_response_body_check(\&wait_for_log);
    }

    prepare_state($block);
    $AiApi::Setup::may_die = defined $block->must_die;

    my $load = "load_module $ENV{AI_API_MODULE};\n";
    $block->set_value("main_config", $load . ($block->main_config || ""));

    if (!defined $block->bare) {
        standard_config($block);
    }

    if (!defined $block->must_die) {
        my $init = defined $block->init ? $block->init : "";
        $block->set_value("init", "AiApi::before_request(\$block);\n$init");
    }

    no_errors($block);
});


sub prepare_state {
    my ($block) = @_;

    if (!defined $state || !defined $block->keep_state) {
        $state = AiApi::Setup::new_state(++$states);
        $ENV{TEST_NGINX_STATE} = $state;
        $specs = {};
        %keys = ();
    }

    for my $line (split /\n/, defined $block->api_keys ? $block->api_keys : "")
    {
        next if $line !~ /\S/;
        my ($name, $user, $limits) = split ' ', $line, 3;
        $specs->{$name} = { user => $user, %{ $json->decode($limits || "{}") } };
    }
}


sub standard_config {
    my ($block) = @_;

    $address ||= "127.0.0.1:" . ollama()->port;

    my $more = defined $block->http_config ? $block->http_config : "";
    my $http = <<"EOC";
    ai_api_store        $state/store map_size=64m;
    ai_api_pepper_file  $state/pepper;
    ai_api_jwt_key_file $state/jwt.key;

    upstream ollama {
        server $address;
        keepalive 8;
    }
EOC

    # a slow disk and a slow client are a test's own affair
    for my $name (qw(ai_api_settle_timeout ai_api_stall_timeout)) {
        $http .= "    $name 50s;\n" if $more !~ /\b$name\b/;
    }

    $block->set_value("http_config", $http . $more);

    if (!defined $block->config) {
        $block->set_value("config", <<'EOC');
    location /api/ai-service/ {
        ai_api_pass http://ollama;
    }

    location /api/ai-api/ {
        ai_api_manage;
    }
EOC
    }
}


sub no_errors {
    my ($block) = @_;

    my @levels = ("[alert]", "[crit]", "[error]", "[emerg]");
    my $wanted = defined $block->error_log ? $block->error_log : "";

    if (!defined $block->no_error_log && !defined $block->must_die) {
        # a block that asserts an error cannot assert that there is none
        @levels = grep { $_ ne "[error]" } @levels if $wanted ne "";
        @levels = grep { index($wanted, $_) < 0 } @levels;
        $block->set_value("no_error_log", join("\n", @levels) . "\n");
    }

    if (!defined $block->no_shutdown_error_log
        && !defined $block->shutdown_error_log
        && !defined $block->must_die)
    {
        $block->set_value("no_shutdown_error_log",
                          "[alert]\n[crit]\n[emerg]\n");
    }

    if (!defined $block->request && !defined $block->raw_request
        && !defined $block->pipelined_requests)
    {
        $block->set_value("request", "GET /");
    }
}


# nginx is up, the block's own request comes next.

sub before_request {
    my ($block) = @_;

    if (defined $block->upstream) {
        upstream(run_perl($block, "upstream"));
    }

    run_perl($block, "steps") if defined $block->steps;

    for my $name (qw(request raw_request pipelined_requests more_headers
                     response_body))
    {
        my $value = $block->$name;
        $block->set_value($name, fill_in($value)) if defined $value;
    }
}


# Before the log is looked at: a line can come after the answer.

sub wait_for_log {
    my ($block) = @_;

    my $wanted = $block->error_log;
    return if !defined $wanted;

    my @patterns = ref $wanted eq "ARRAY" ? @$wanted
        : ref $wanted ? $wanted : split /\n+/, $wanted;

    AiApi::Check::wait_for(sub {
        for my $line (split /^/, logged()) {
            @patterns = grep { $line !~ (ref $_ ? $_ : qr/\Q$_\E/) } @patterns;
            return 1 if !@patterns;
        }

        return 0;
    });
}


sub run_perl {
    my ($block, $section) = @_;

    my $name = $block->name;
    my $code = eval "package main; use strict; use warnings;\n"
        . "sub {\nmy (\$block) = \@_;\n#line 1 \"$section of $name\"\n"
        . $block->$section . "\n}";

    my $broken = $@;
    my @result = eval { $code or die $broken; $code->($block) };
    Test::More::fail("$name - $section: $@") if $@ ne "";

    return @result;
}


sub fill_in {
    my ($value) = @_;

    if (ref $value eq "ARRAY") {
        return [map { fill_in($_) } @$value];
    }

    if (ref $value eq "HASH") {
        return { map { $_ => fill_in($value->{$_}) } keys %$value };
    }

    return $value if ref $value || !defined $value;

    $value =~ s/\{\{key(?::(\w+))?\}\}/key($1)/ge;
    $value =~ s/\{\{jwt(?::([^}]+))?\}\}/jwt(defined $1 ? $1 : "alice")/ge;
    $value =~ s/\{\{admin\}\}/admin_jwt()/ge;

    return $value;
}


# The upstream of this file, started when first asked for.

sub ollama {
    $ollama ||= FakeOllama->new;
    return $ollama;
}


# The file is for the real one (make test-ollama), which takes its time.

sub real_ollama {
    $AiApi::Check::patience = 240;
    Test::Nginx::Util::timeout($AiApi::Check::patience);
    $address = $ENV{OLLAMA_HOST} or die "OLLAMA_HOST is not set\n";
}


sub upstream {
    my (@rules) = @_;

    ollama()->reset;
    ollama()->rules(@rules);
}


sub state_dir {
    return $state;
}


# jwt("alice"), jwt({ sub => …, exp => … }), jwt({…}, secret, { alg => … })

sub jwt {
    my ($claims, $secret, $header) = @_;

    if (!ref $claims) {
        $claims = { sub => $claims, exp => time() + 3600 };
    }

    return AiApi::Setup::sign($claims, $secret, $header);
}


sub admin_jwt {
    my ($user) = @_;

    return jwt({ sub => $user || "root", role => "admin",
                 exp => time() + 3600 });
}


# The secret of a named key (see --- api_keys), made when first asked for.

sub key {
    my ($name) = @_;

    $name = "default" if !defined $name;

    my $spec = $specs->{$name} || { user => "alice" };
    $keys{$name} ||= create_key(name => $name, %$spec);

    return $keys{$name}{key};
}


# create_key(name => …, user => …, usageLimit => …): the answer's object

sub create_key {
    my (%body) = @_;

    my $user = delete $body{user};
    my $r = api("POST", "/api/ai-api/keys", \%body,
                jwt(defined $user ? $user : "alice"));

    if ($r->{status} != 201) {
        die "the key was not made: $r->{status} $r->{body}\n";
    }

    return $r->{json};
}


# A JSON call with a credential; $r->{status}, {headers}, {body}, {json}.

sub api {
    my ($method, $path, $body, $credential, %headers) = @_;

    $headers{Authorization} = "Bearer $credential" if defined $credential;

    if (ref $body) {
        $headers{"Content-Type"} = "application/json";
        $body = $json->encode($body);
    }

    return request($method, $path, $body, %headers);
}


# One request on a connection of its own; client() for anything finer.

sub request {
    my ($method, $path, $body, %headers) = @_;

    my $c = client();
    $c->send_request($method, $path, $body, Connection => "close", %headers);

    my $r = $c->read_answer;
    $r->{json} = eval { $json->decode($r->{body}) };

    return $r;
}


sub client {
    my (%options) = @_;

    return AiApi::Client->new(Test::Nginx::Util::server_port_for_client(),
                              %options);
}


sub json {
    return $json->encode($_[0]);
}


sub from_json {
    return $json->decode($_[0]);
}


# Everything in the error log so far.

sub logged {
    open my $in, "<", "$ENV{TEST_NGINX_SERVROOT}/logs/error.log" or return "";
    local $/;
    return scalar <$in>;
}


# (master, worker, worker, …): as many workers as the block has, or $wanted.
# nginx may be about to start them, or to write its own number.

sub nginx_pids {
    my ($wanted) = @_;

    my ($master, @workers);

    $wanted = Test::Nginx::Util::workers() if !defined $wanted;

    AiApi::Check::wait_for(sub {
        $master = master_pid() or return 0;
        @workers = children($master);
        return @workers >= $wanted;
    });

    return ($master, sort { $a <=> $b } @workers);
}


sub master_pid {
    open my $in, "<", "$ENV{TEST_NGINX_SERVROOT}/logs/nginx.pid" or return;
    my $line = <$in>;

    return defined $line && $line =~ /^(\d+)\n/ ? $1 : undef;
}


sub children {
    my ($parent) = @_;

    my @found;

    for my $stat (glob "/proc/[0-9]*/stat") {
        open my $s, "<", $stat or next;
        my $line = <$s>;
        next if !defined $line;
        push @found, $1 if $line =~ /^(\d+) \(.*\) [^Z] $parent /;
    }

    return @found;
}


1;
