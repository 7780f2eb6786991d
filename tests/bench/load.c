/* tests/bench/load.c - the load generator of tests/bench/compare.
 *
 *   load --port N [OPTION...] ROW
 *
 * Many IMAP clients (RFC 3501) in one process, on one epoll, in one thread. A row of the table at the end is
 * a piece of work: what each client does before it is measured, and what it then does over and over. Every
 * answer is held against what was asked: its tagged OK, how many responses came, how many octets of literals;
 * a server that answers less fails the row. What is measured goes to stdout as
 *
 *   figure NAME VALUE UNIT
 *
 * The mail is made here, the same for the same --seed (the section "Corpus"). Literals of responses are
 * counted and not looked at, so that this program costs little: it prints its own share of a core, and warns
 * when that could have held the server back. It knows nothing of any server, and needs of them LITERAL+ (RFC
 * 7888), MULTIAPPEND (RFC 3502), UIDPLUS (RFC 4315), and for the rows concerned MOVE, IDLE, QRESYNC. Memory
 * that lives until the end of the process is not freed.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <gnutls/gnutls.h>
#include <math.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
  READ_SIZE = 1 << 20, /* also the longest line */
  PATIENCE = 180,      /* seconds without any answer that are taken for a failure */
  PUSH_PATIENCE = 15,  /* likewise, where clients wait to be told */
  BATCH = 100,         /* messages of a MULTIAPPEND when mailboxes are filled */
  INBOX = 200,         /* messages in each account's */
  PART = 4096,         /* octets asked of an attachment */
  LARGE = 1 << 20,     /* of an attachment, as base64 */
  LARGES = 8,          /* messages in "Large" */
  CHANGES = 10,        /* of which a client that comes back is told */
  RUN = 1000,          /* messages of a COPY or MOVE */
};

typedef struct {
  char *data;
  size_t len, size;
} Buffer;

/* What the answer to the command under way must have. */
typedef struct {
  const char *word;  /* of the untagged responses counted; NULL: none */
  uint64_t count;    /* of these, exactly; "SEARCH": numbers in it */
  uint64_t number;   /* only those of this message; 0: of all */
  bool at_least;     /* more do no harm */
  bool octets_known; /* then exactly so many, of all literals: */
  uint64_t octets;
  uint64_t uids;   /* that COPYUID or APPENDUID names; 0: they do not matter */
  uint64_t exists; /* as SELECT tells; 0: does not matter */
  bool may_fail;
} Expected;

typedef enum { CLOSED, CONNECTING, HANDSHAKE, OPEN } State;

typedef struct {
  unsigned index;
  State state;
  int fd;
  uint32_t interest;
  gnutls_session_t tls;
  Buffer in, out; /* @in: what of a line has come */
  size_t sent;    /* of @out */
  uint64_t literal_left;
  bool continued; /* the line goes on behind a literal */

  /* Where it is in its row. */
  bool greeted, logged_in, ready, done;
  unsigned step; /* of prepare, then of work, then of finish */
  bool finishing;
  bool pending;  /* a command has no answer yet */
  bool measured; /* and counts */
  bool idling, told;
  int64_t since;  /* the command went, or the connection was asked for */
  uint64_t items; /* that the command counts as */
  Expected expected;
  uint64_t random;

  /* What came so far in answer to the command. */
  uint64_t count, octets, uids;

  /* What the server last said of the mailbox. */
  uint64_t exists, uid_validity, highest_modseq, messages;

  /* For the row's use. */
  uint64_t number, appended;
} Client;

typedef enum { RATE, LATENCY, RATE_OF_OCTETS, NOTHING } Measure;

typedef struct {
  const char *name;
  Measure measure;
  unsigned clients;
  bool own_account; /* each client has its own; else all have the first */
  bool tls;
  unsigned ops;        /* at most, of all clients together; 0: until the time is over */
  const char *mailbox; /* selected before; NULL: none */
  /* Each gives the client's next command; FALSE: there are none. NULL: likewise. */
  bool (*prepare) (Client *client);
  bool (*work) (Client *client);
  bool (*finish) (Client *client);
} Row;

/* ---- What all clients share -------------------------------------------------------------------------- */

static struct {
  struct sockaddr_in address;
  const char *user, *password; /* @user: %u stands for the account's number */
  unsigned clients, ops, messages, big, accounts;
  double seconds; /* to measure, where operations do not end it */
  uint64_t seed;
} options = {
  .user = "user%u", .password = "password", .seconds = 3, .messages = 10000, .accounts = 64, .seed = 1
};

static const Row *row;
static Client *clients;
static unsigned n_clients, n_ready, n_done, n_opened;
static int epoll_fd;
static gnutls_certificate_credentials_t credentials;
static char read_buffer[READ_SIZE];

static bool measuring;
static int64_t begun, ended; /* of the measured time */
static struct rusage usage_begun, usage_ended;
static uint64_t ops, given, items, octets; /* that are done; ops that were given to clients */
static int64_t *samples;
static size_t n_samples, size_samples;

static int64_t
now (void)
{
  struct timespec time;

  clock_gettime (CLOCK_MONOTONIC, &time);
  return (int64_t) time.tv_sec * 1000000000 + time.tv_nsec;
}

__attribute__ ((format (printf, 1, 2), noreturn)) static void
fail (const char *format, ...)
{
  va_list args;

  fprintf (stderr, "load: %s: ", row != NULL ? row->name : "");
  va_start (args, format);
  vfprintf (stderr, format, args);
  va_end (args);
  fputc ('\n', stderr);
  _exit (EXIT_FAILURE);
}

/* ---- Buffers ----------------------------------------------------------------------------------------- */

static void
buffer_reserve (Buffer *buffer, size_t more)
{
  if (buffer->size - buffer->len >= more)
    return;
  buffer->size = (buffer->len + more) * 2;
  buffer->data = realloc (buffer->data, buffer->size);
  if (buffer->data == NULL)
    fail ("no memory");
}

static void
buffer_add (Buffer *buffer, const char *data, size_t len)
{
  buffer_reserve (buffer, len);
  memcpy (buffer->data + buffer->len, data, len);
  buffer->len += len;
}

__attribute__ ((format (printf, 2, 0))) static void
buffer_vprintf (Buffer *buffer, const char *format, va_list args)
{
  va_list again;
  int n;

  va_copy (again, args);
  n = vsnprintf (NULL, 0, format, again);
  va_end (again);
  buffer_reserve (buffer, (size_t) n + 1);
  vsnprintf (buffer->data + buffer->len, (size_t) n + 1, format, args);
  buffer->len += (size_t) n;
}

__attribute__ ((format (printf, 2, 3))) static void
buffer_printf (Buffer *buffer, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  buffer_vprintf (buffer, format, args);
  va_end (args);
}

/* ---- Corpus ------------------------------------------------------------------------------------------ */

/* Message number i is the same in every run with the same seed: its size log-normal about a median of 3 KB;
 * half of them are text, others multipart/alternative, have attachments or a nested message; some headers
 * have encoded words. What searches look for is planted by number, so that what they must find is known. */

static const char *const words[]
    = { "about", "account", "after",  "again",   "answer",  "because", "before",  "between",
        "bring", "build",   "change", "clear",   "copy",    "course",  "day",     "detail",
        "early", "enough",  "every",  "figure",  "find",    "follow",  "friend",  "from",
        "great", "group",   "happen", "house",   "idea",    "inform",  "keep",    "large",
        "later", "letter",  "list",   "little",  "machine", "matter",  "meeting", "message",
        "month", "never",   "number", "offer",   "office",  "order",   "page",    "paper",
        "place", "please",  "point",  "project", "read",    "reason",  "report",  "result",
        "send",  "service", "simple", "state",   "table",   "think",   "under",   "weather" };
static const char *const subject_words[]
    = { "kingfisher", "heron", "cormorant", "lapwing", "plover", "redshank", "whimbrel", "dunlin" };
static const char *const body_words[]
    = { "marzipan", "nougat", "pralines", "liquorice", "turron", "halva", "baklava", "macaroon" };
static const char *const months[]
    = { "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };

enum { PLANTED = 8, SUBJECT_EVERY = 100, BODY_EVERY = 200, PERSONS = 100, A_DAY = 10, BIG_COPIES = 10 };

#define FIRST_DAY 1577836800 /* 1 January 2020 */

static Buffer *corpus; /* options.messages */
static uint64_t corpus_octets;

/* splitmix64 */
static uint64_t
random_next (uint64_t *state)
{
  uint64_t z = (*state += 0x9e3779b97f4a7c15);

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

static unsigned
random_below (uint64_t *state, unsigned n)
{
  return (unsigned) (random_next (state) >> 32) % n;
}

static double
random_normal (uint64_t *state)
{
  double u = ((double) (random_next (state) >> 11) + 1) / 0x1p53;
  double v = (double) (random_next (state) >> 11) / 0x1p53;

  return sqrt (-2 * log (u)) * cos (2 * M_PI * v);
}

/* At least @size octets of lines; @planted, if any, is in the first. */
static void
add_text (Buffer *buffer, uint64_t *random, size_t size, const char *planted)
{
  size_t end = buffer->len + size, column = 0;

  buffer_reserve (buffer, size + 100);
  if (planted != NULL)
    buffer_printf (buffer, "%s\r\n", planted);
  while (buffer->len < end) {
    const char *word = words[random_below (random, sizeof words / sizeof *words)];
    size_t len = strlen (word);

    buffer_add (buffer, word, len);
    column += len + 1;
    buffer_add (buffer, column < 66 ? " " : "\r\n", column < 66 ? 1 : 2);
    column = column < 66 ? column : 0;
  }
  buffer_add (buffer, "\r\n", 2);
}

static void
add_base64 (Buffer *buffer, uint64_t *random, size_t size)
{
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  for (size_t done = 0; done < size; done += 76) {
    char line[78];

    for (unsigned i = 0; i < 76;) {
      uint64_t bits = random_next (random);

      for (unsigned k = 0; k < 10 && i < 76; k++, bits >>= 6)
        line[i++] = digits[bits & 63];
    }
    memcpy (line + 76, "\r\n", 2);
    buffer_add (buffer, line, sizeof line);
  }
}

static void
add_date (Buffer *buffer, unsigned number, const char *format)
{
  time_t time = FIRST_DAY + (time_t) (number / A_DAY) * 86400 + number % A_DAY * 60;
  struct tm tm;

  gmtime_r (&time, &tm);
  buffer_printf (buffer, format, tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min);
}

static void
add_header (Buffer *buffer, uint64_t *random, unsigned number, const char *planted)
{
  static const char *const names[] = { "Ann Archer", "=?utf-8?Q?J=C3=B6rg_M=C3=BCller?=", "\"Bell, Robert\"",
                                       "Carla Dorn", "=?iso-8859-1?Q?Ren=E9?=" };
  unsigned person = number % PERSONS, words_left = 3 + random_below (random, 5);

  buffer_printf (
      buffer,
      "Return-Path: <person%02u@example.org>\r\nReceived: from mx%u.example.org (mx%u.example.org "
      "[192.0.2.%u])\r\n\tby mail.example.net with ESMTPS id %016llx\r\n\tfor <user@example.net>; ",
      person, person % 4, person % 4, person, (unsigned long long) random_next (random));
  add_date (buffer, number, "%d %s %d %02d:%02d:00 +0000\r\n");
  buffer_printf (buffer, "Date: ");
  add_date (buffer, number, "%d %s %d %02d:%02d:00 +0000\r\n");
  buffer_printf (buffer, "From: %s <person%02u@example.org>\r\nTo: User <user@example.net>%s\r\nSubject: ",
                 names[person % 5], person,
                 random_below (random, 4) == 0 ? ",\r\n\tOther Reader <other@example.net>" : "");
  if (random_below (random, 4) == 0)
    buffer_printf (buffer, "=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus_K=C3=B6ln?= ");
  if (planted != NULL)
    buffer_printf (buffer, "%s ", planted);
  while (words_left-- > 0)
    buffer_printf (buffer, "%s%s", words[random_below (random, sizeof words / sizeof *words)],
                   words_left > 0 ? " " : "");
  buffer_printf (buffer, "\r\nMessage-ID: <%u.%016llx@example.org>\r\n", number,
                 (unsigned long long) random_next (random));
  if (random_below (random, 3) == 0)
    buffer_printf (buffer, "In-Reply-To: <%u@example.org>\r\nReferences: <%u@example.org>\r\n", number / 2,
                   number / 2);
  buffer_printf (buffer, "MIME-Version: 1.0\r\n");
}

static void
add_part (Buffer *buffer, const char *boundary, const char *type, const char *more)
{
  buffer_printf (buffer, "--%s\r\nContent-Type: %s\r\n%s\r\n", boundary, type, more);
}

static void
add_alternative (Buffer *buffer, uint64_t *random, size_t size, const char *planted)
{
  buffer_printf (buffer, "Content-Type: multipart/alternative; boundary=\"alt\"\r\n\r\n");
  add_part (buffer, "alt", "text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit\r\n");
  add_text (buffer, random, size / 3, planted);
  add_part (buffer, "alt", "text/html; charset=utf-8", "Content-Transfer-Encoding: 8bit\r\n");
  buffer_printf (buffer, "<html><body><p>");
  add_text (buffer, random, size * 2 / 3, NULL);
  buffer_printf (buffer, "</p></body></html>\r\n--alt--\r\n");
}

static void
add_body (Buffer *buffer, uint64_t *random, size_t size, const char *planted)
{
  unsigned kind = random_below (random, 100);

  if (kind < 50) {
    buffer_printf (buffer, "Content-Type: text/plain; charset=%s\r\n\r\n", kind < 25 ? "utf-8" : "us-ascii");
    add_text (buffer, random, size, planted);
    return;
  }
  if (kind < 75) {
    add_alternative (buffer, random, size, planted);
    return;
  }
  buffer_printf (buffer, "Content-Type: multipart/mixed; boundary=\"mix\"\r\n\r\n");
  add_part (buffer, "mix", "text/plain; charset=us-ascii", "");
  add_text (buffer, random, size / 5, planted);
  if (kind < 92) {
    add_part (
        buffer, "mix", "application/pdf; name=\"report.pdf\"",
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename=\"report.pdf\"\r\n");
    add_base64 (buffer, random, size * 4 / 5);
  } else {
    add_part (buffer, "mix", "message/rfc822", "");
    add_header (buffer, random, random_below (random, 1000), NULL);
    add_alternative (buffer, random, size * 4 / 5, NULL);
  }
  buffer_printf (buffer, "--mix--\r\n");
}

static void
make_message (Buffer *buffer, unsigned number)
{
  uint64_t random = options.seed * 1000003 + number;
  double wanted = exp (log (3000) + random_normal (&random));
  size_t header;

  wanted = wanted > 500000 ? 500000 : wanted;
  add_header (buffer, &random, number,
              number % SUBJECT_EVERY < PLANTED ? subject_words[number % SUBJECT_EVERY] : NULL);
  header = buffer->len + 300; /* about what the headers of parts take */
  add_body (buffer, &random, wanted > (double) header + 100 ? (size_t) wanted - header : 100,
            number % BODY_EVERY < PLANTED ? body_words[number % BODY_EVERY] : NULL);
}

static void
make_corpus (void)
{
  if (corpus != NULL)
    return;
  corpus = calloc (options.messages, sizeof *corpus);
  if (corpus == NULL)
    fail ("no memory");
  for (unsigned i = 0; i < options.messages; i++) {
    make_message (&corpus[i], i);
    corpus_octets += corpus[i].len;
  }
}

/* How many of @n messages have planted what is every @every-th's, at @offset. */
static uint64_t
count_planted (unsigned n, unsigned every, unsigned offset)
{
  return (n + every - 1 - offset) / every;
}

/* A message that has not been before, of about @size octets. */
static void
make_fresh (Buffer *buffer, Client *client, size_t size)
{
  size_t end = buffer->len + size;

  buffer_printf (buffer,
                 "From: Ann <ann@example.org>\r\nTo: bob@example.net\r\nSubject: Message %llu\r\n"
                 "Date: Mon, 1 Jan 2024 10:00:00 +0000\r\nMessage-ID: <%016llx.%u@example.org>\r\n"
                 "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n",
                 (unsigned long long) client->appended, (unsigned long long) random_next (&client->random),
                 client->index);
  add_text (buffer, &client->random, end - buffer->len - 40, NULL);
}

/* With an attachment of 1 MB. */
static void
make_large (Buffer *buffer, uint64_t *random)
{
  add_header (buffer, random, 0, NULL);
  buffer_printf (buffer, "Content-Type: multipart/mixed; boundary=\"mix\"\r\n\r\n");
  add_part (buffer, "mix", "text/plain; charset=us-ascii", "");
  add_text (buffer, random, 1000, NULL);
  add_part (buffer, "mix", "application/octet-stream", "Content-Transfer-Encoding: base64\r\n");
  add_base64 (buffer, random, LARGE);
  buffer_printf (buffer, "--mix--\r\n");
}

/* ---- Connections ------------------------------------------------------------------------------------- */

static void client_go_on (Client *client);

static void
client_watch (Client *client)
{
  struct epoll_event event = { .data.ptr = client };

  if (client->state == CONNECTING)
    event.events = EPOLLOUT;
  else if (client->state == HANDSHAKE)
    event.events = gnutls_record_get_direction (client->tls) == 1 ? EPOLLOUT : EPOLLIN;
  else
    event.events = EPOLLIN | (client->sent < client->out.len ? EPOLLOUT : 0);
  if (client->interest == event.events)
    return;
  if (epoll_ctl (epoll_fd, client->interest == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, client->fd, &event) < 0)
    fail ("epoll: %s", strerror (errno));
  client->interest = event.events;
}

static void
client_open (Client *client)
{
  int one = 1;

  client->fd = socket (AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (client->fd < 0)
    fail ("socket: %s", strerror (errno));
  setsockopt (client->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  client->state = CONNECTING;
  client->interest = 0;
  client->greeted = client->logged_in = client->continued = client->pending = false;
  client->literal_left = 0;
  client->in.len = client->out.len = client->sent = 0;
  client->since = now ();
  if (connect (client->fd, (struct sockaddr *) &options.address, sizeof options.address) < 0
      && errno != EINPROGRESS)
    fail ("connect: %s", strerror (errno));
  client_watch (client);
}

static void
client_close (Client *client)
{
  if (client->tls != NULL)
    gnutls_deinit (client->tls);
  client->tls = NULL;
  close (client->fd);
  client->state = CLOSED;
}

static void
client_shake_hands (Client *client)
{
  int result = gnutls_handshake (client->tls);

  if (result == GNUTLS_E_SUCCESS)
    client->state = OPEN;
  else if (gnutls_error_is_fatal (result))
    fail ("TLS: %s", gnutls_strerror (result));
  client_watch (client);
}

static void
client_connected (Client *client)
{
  int error = 0;
  socklen_t length = sizeof error;

  getsockopt (client->fd, SOL_SOCKET, SO_ERROR, &error, &length);
  if (error != 0)
    fail ("connect: %s", strerror (error));
  if (!row->tls) {
    client->state = OPEN;
    client_watch (client);
    return;
  }
  gnutls_init (&client->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK);
  gnutls_set_default_priority (client->tls);
  gnutls_credentials_set (client->tls, GNUTLS_CRD_CERTIFICATE, credentials);
  gnutls_transport_set_int (client->tls, client->fd);
  client->state = HANDSHAKE;
  client_shake_hands (client);
}

static void
client_flush (Client *client)
{
  while (client->sent < client->out.len) {
    const char *data = client->out.data + client->sent;
    size_t len = client->out.len - client->sent;
    ssize_t n = client->tls != NULL ? gnutls_record_send (client->tls, data, len)
                                    : send (client->fd, data, len, MSG_NOSIGNAL);

    if (n < 0 && (client->tls != NULL ? gnutls_error_is_fatal ((int) n) != 0 : errno != EAGAIN))
      fail ("client %u: the connection is lost while it sends", client->index);
    if (n < 0)
      break;
    client->sent += (size_t) n;
  }
  if (client->sent == client->out.len)
    client->out.len = client->sent = 0;
  client_watch (client);
}

/* ---- Commands ---------------------------------------------------------------------------------------- */

/* Begins a command; what it needs more is added to @out by the caller, who ends it with client_send. */
__attribute__ ((format (printf, 3, 4))) static void
client_begin (Client *client, Expected expected, const char *format, ...)
{
  va_list args;

  client->expected = expected;
  client->measured = false;
  buffer_add (&client->out, "t ", 2);
  va_start (args, format);
  buffer_vprintf (&client->out, format, args);
  va_end (args);
}

static void
client_add_message (Client *client, const Buffer *message)
{
  buffer_printf (&client->out, " {%zu+}\r\n", message->len);
  buffer_add (&client->out, message->data, message->len);
}

static void
client_send (Client *client)
{
  buffer_add (&client->out, "\r\n", 2);
  client->count = client->octets = client->uids = 0;
  client->pending = true;
  client->since = now ();
  client_flush (client);
}

/* The command counts, as so many @n. */
static void
client_send_measured (Client *client, uint64_t n)
{
  client->measured = true;
  client->items = n;
  client_send (client);
}

#define ASK(client, expected, ...) (client_begin (client, expected, __VA_ARGS__), client_send (client))
#define MEASURE(client, n, expected, ...)                                                                    \
  (client_begin (client, expected, __VA_ARGS__), client_send_measured (client, n))
#define EXPECT(...) ((Expected){ __VA_ARGS__ })

static const Expected anything = { 0 };
static const Expected perhaps = { .may_fail = true };

static void
add_sample (int64_t value)
{
  if (n_samples == size_samples) {
    size_samples = size_samples * 2 + 1000;
    samples = realloc (samples, size_samples * sizeof *samples);
    if (samples == NULL)
      fail ("no memory");
  }
  samples[n_samples++] = value;
}

static void
client_count (Client *client)
{
  ops++;
  items += client->items;
  octets += row->measure == RATE_OF_OCTETS && client->octets > 0 ? client->octets : client->items;
  if (row->measure == LATENCY)
    add_sample (now () - client->since);
}

static void
begin_measuring (void)
{
  measuring = true;
  getrusage (RUSAGE_SELF, &usage_begun);
  begun = now ();
  for (unsigned i = 0; i < n_clients; i++)
    client_go_on (&clients[i]);
}

static bool
is_enough (void)
{
  unsigned most = options.ops > 0 ? options.ops : row->ops;

  return (most > 0 && given >= most) || (most == 0 && now () - begun >= (int64_t) (options.seconds * 1e9));
}

static void
client_log_in (Client *client)
{
  char user[200];

  snprintf (user, sizeof user, options.user, row->own_account ? client->index % options.accounts : 0);
  client->logged_in = true;
  ASK (client, anything, "LOGIN %s \"%s\"", user, options.password);
}

static void
client_become_ready (Client *client)
{
  client->ready = true;
  client->step = 0;
  if (++n_ready == n_clients)
    begin_measuring ();
}

/* What is behind the measured time, if anything. */
static void
client_finish (Client *client)
{
  if (!client->finishing) {
    client->finishing = true;
    client->step = 0;
    ended = now (); /* the last one's is what stays */
    getrusage (RUSAGE_SELF, &usage_ended);
  }
  if (row->finish != NULL && row->finish (client)) {
    client->step++;
    return;
  }
  client->done = true;
  n_done++;
}

/* Gives the next command, of whatever the client is at. Steps of work are the row's own: at 0 begins an
 * operation. */
static void
client_go_on (Client *client)
{
  if (!client->logged_in) {
    client_log_in (client);
    return;
  }
  if (!client->ready) {
    if (row->prepare != NULL && row->prepare (client))
      client->step++;
    else
      client_become_ready (client);
    return;
  }
  if (!measuring || client->done)
    return;
  if (!client->finishing && (client->step > 0 || !is_enough ())) {
    bool begins = client->step == 0;

    if (row->work != NULL && row->work (client)) {
      given += begins;
      return;
    }
  }
  client_finish (client);
}

/* ---- Responses --------------------------------------------------------------------------------------- */

static void
check_answer (Client *client, const char *line, size_t len)
{
  const Expected *expected = &client->expected;
  int shown = (int) (len < 200 ? len : 200);
  bool enough = expected->at_least ? client->count >= expected->count : client->count == expected->count;

  if (expected->may_fail)
    return;
  if (strncmp (line, "t OK", 4) != 0)
    fail ("client %u: %.*s", client->index, shown, line);
  if (expected->word != NULL && !enough)
    fail ("client %u: %llu %s came, not %llu", client->index, (unsigned long long) client->count,
          expected->word, (unsigned long long) expected->count);
  if (expected->octets_known && client->octets != expected->octets)
    fail ("client %u: literals had %llu octets, not %llu", client->index, (unsigned long long) client->octets,
          (unsigned long long) expected->octets);
  if (expected->uids > 0 && client->uids != expected->uids)
    fail ("client %u: %llu UIDs, not %llu: %.*s", client->index, (unsigned long long) client->uids,
          (unsigned long long) expected->uids, shown, line);
  if (expected->exists > 0 && client->exists != expected->exists)
    fail ("client %u: the mailbox has %llu messages, not %llu", client->index,
          (unsigned long long) client->exists, (unsigned long long) expected->exists);
}

static void push_told (Client *client);

/* How many numbers the set has that begins at @text and ends at @end. */
static uint64_t
count_set (const char *text, const char *end)
{
  uint64_t n = 0;

  while (text < end && *text >= '0' && *text <= '9') {
    char *after;
    uint64_t first = strtoull (text, &after, 10), last = first;

    if (*after == ':')
      last = strtoull (after + 1, &after, 10);
    n += last > first ? last - first + 1 : first - last + 1;
    text = *after == ',' ? after + 1 : end;
  }
  return n;
}

/* A response code that tells of UIDs: the last set is of the new messages (RFC 4315, 3). */
static void
take_code (Client *client, const char *line, const char *end)
{
  const char *close = memchr (line, ']', (size_t) (end - line)), *set;
  const char *code = memchr (line, '[', (size_t) (end - line));

  if (close == NULL || code == NULL)
    return;
  if (strncasecmp (code, "[UIDVALIDITY ", 13) == 0)
    client->uid_validity = strtoull (code + 13, NULL, 10);
  else if (strncasecmp (code, "[HIGHESTMODSEQ ", 15) == 0)
    client->highest_modseq = strtoull (code + 15, NULL, 10);
  else if (strncasecmp (code, "[COPYUID ", 9) == 0 || strncasecmp (code, "[APPENDUID ", 11) == 0) {
    for (set = close; set[-1] != ' '; set--)
      ;
    client->uids += count_set (set, close);
  }
}

static void
take_numbered (Client *client, uint64_t number, const char *word)
{
  const char *wanted = client->expected.word;

  if (strncasecmp (word, "EXISTS", 6) == 0) {
    client->exists = number;
    if (client->idling)
      push_told (client);
  }
  if (wanted != NULL && strncasecmp (word, wanted, strlen (wanted)) == 0
      && (client->expected.number == 0 || client->expected.number == number))
    client->count++;
}

static void
take_untagged (Client *client, const char *line, const char *end)
{
  if (line[2] >= '0' && line[2] <= '9') {
    char *after;
    uint64_t number = strtoull (line + 2, &after, 10);

    take_numbered (client, number, after + 1);
  } else if (strncasecmp (line, "* OK", 4) == 0)
    take_code (client, line, end);
  else if (strncasecmp (line, "* SEARCH", 8) == 0) {
    for (const char *space = line + 8; space < end; space++)
      client->count += *space == ' ' && space[1] >= '0' && space[1] <= '9';
  } else if (strncasecmp (line, "* STATUS", 8) == 0) {
    const char *item = memmem (line, (size_t) (end - line), "MESSAGES ", 9);

    client->messages = item != NULL ? strtoull (item + 9, NULL, 10) : 0;
  } else if (strncasecmp (line, "* BYE", 5) == 0 && !client->pending)
    fail ("client %u: %.*s", client->index, (int) (end - line), line);
}

/* A line, or what comes before a literal, without its CRLF. FALSE: the client has closed. */
static bool
client_take_line (Client *client, const char *line, size_t len)
{
  if (!client->greeted) {
    client->greeted = true;
    if (len < 4 || strncasecmp (line, "* OK", 4) != 0)
      fail ("client %u is greeted with %.*s", client->index, (int) len, line);
    client_go_on (client);
    return true;
  }
  if (line[0] == '*' && len > 3)
    take_untagged (client, line, line + len);
  else if (line[0] == '+' && client->idling && client->pending) {
    client->pending = false;
    client_go_on (client);
  } else if (line[0] == 't') {
    take_code (client, line, line + len);
    check_answer (client, line, len);
    client->pending = false;
    if (client->measured)
      client_count (client);
    client_go_on (client);
    return client->state == OPEN;
  }
  return true;
}

/* Serves what is in @data; how much of it that was. */
static size_t
client_take (Client *client, const char *data, size_t len)
{
  size_t at = 0;

  while (at < len) {
    const char *end;
    size_t line_len;

    if (client->literal_left > 0) {
      size_t n = client->literal_left < len - at ? client->literal_left : len - at;

      client->literal_left -= n;
      at += n;
      continue;
    }
    end = memchr (data + at, '\n', len - at);
    if (end == NULL)
      break;
    line_len = (size_t) (end - data) - at;
    line_len -= line_len > 0 && end[-1] == '\r';
    if (line_len > 0 && data[at + line_len - 1] == '}') {
      const char *brace = memrchr (data + at, '{', line_len);

      client->literal_left = brace != NULL ? strtoull (brace + 1, NULL, 10) : 0;
      client->octets += client->literal_left;
    }
    bool goes_on = client->literal_left > 0, is_first = !client->continued;

    client->continued = goes_on;
    if (is_first && line_len > 0 && !client_take_line (client, data + at, line_len))
      return len;
    at = (size_t) (end - data) + 1;
  }
  return at;
}

static ssize_t
client_receive (Client *client, char *data, size_t size)
{
  ssize_t n;

  if (client->tls == NULL)
    return recv (client->fd, data, size, 0);
  n = gnutls_record_recv (client->tls, data, size);
  if (n >= 0)
    return n;
  errno = gnutls_error_is_fatal ((int) n) ? ECONNRESET : EAGAIN;
  return -1;
}

static void
client_read (Client *client)
{
  do {
    size_t kept = client->in.len, taken;
    ssize_t n;

    memcpy (read_buffer, client->in.data != NULL ? client->in.data : "", kept);
    n = client_receive (client, read_buffer + kept, READ_SIZE - 1 - kept);
    if (n < 0 && errno == EAGAIN)
      return;
    if (n <= 0 && client->done) { /* after LOGOUT */
      client_close (client);
      return;
    }
    if (n <= 0)
      fail ("client %u: the server has closed the connection", client->index);
    client->in.len = 0;
    kept += (size_t) n;
    read_buffer[kept] = '\0'; /* numbers end there at the latest */
    taken = client_take (client, read_buffer, kept);
    if (client->state != OPEN)
      return;
    if (kept - taken > READ_SIZE / 2)
      fail ("client %u: a line without end", client->index);
    buffer_add (&client->in, read_buffer + taken, kept - taken);
  } while (client->tls != NULL); /* what is in there is not seen by epoll */
}

static void
client_serve (Client *client, uint32_t events)
{
  if (client->state == CONNECTING)
    client_connected (client);
  else if (client->state == HANDSHAKE)
    client_shake_hands (client);
  else {
    if (events & EPOLLOUT)
      client_flush (client);
    if (events & ~(uint32_t) EPOLLOUT)
      client_read (client);
  }
}

/* ---- Preparing --------------------------------------------------------------------------------------- */

static bool
ask_to_select (Client *client, const char *mailbox)
{
  ASK (client, anything, "SELECT %s", mailbox);
  return true;
}

/* Steps 0 and 1: the mailbox is there, and empty. */
static bool
ask_for_empty (Client *client, const char *mailbox, unsigned step)
{
  if (step == 0)
    ASK (client, perhaps, "DELETE %s", mailbox);
  else
    ASK (client, anything, "CREATE %s", mailbox);
  return true;
}

static void
add_to_append (Client *client, unsigned number)
{
  buffer_printf (&client->out, " (%s) ", number % 3 == 0 ? "\\Seen" : "");
  add_date (&client->out, number, "\"%02d-%s-%d %02d:%02d:00 +0000\"");
  client_add_message (client, &corpus[number]);
}

/* Appends the corpus's messages from @first on by one command, at most @n and only those before @end. */
static bool
ask_to_append (Client *client, const char *mailbox, unsigned first, unsigned n, unsigned end)
{
  if (first >= end)
    return false;
  n = n < end - first ? n : end - first;
  client_begin (client, EXPECT (.uids = n), "APPEND %s", mailbox);
  for (unsigned i = first; i < first + n; i++)
    add_to_append (client, i);
  client_send (client);
  return true;
}

static bool
prepare_selected (Client *client)
{
  return client->step == 0 && ask_to_select (client, row->mailbox);
}

static bool
prepare_empty (Client *client)
{
  return client->step < 2 && ask_for_empty (client, row->mailbox, client->step);
}

/* What was appended, one by one, is there. */
static bool
finish_appends (Client *client)
{
  if (client->step == 0) {
    ASK (client, anything, "STATUS %s (MESSAGES)", row->mailbox);
    return true;
  }
  if (client->messages != client->number)
    fail ("client %u: %llu messages were appended and %llu are there", client->index,
          (unsigned long long) client->number, (unsigned long long) client->messages);
  return false;
}

/* ---- Filling mailboxes: nothing is measured ---------------------------------------------------------- */

static bool
fill_corpus (Client *client)
{
  if (client->step < 2)
    return ask_for_empty (client, row->mailbox, client->step);
  return ask_to_append (client, row->mailbox, (client->step - 2) * BATCH, BATCH, options.messages);
}

/* Many messages, of which nobody looks at the text. */
static bool
fill_big (Client *client)
{
  if (client->step < 2)
    return ask_for_empty (client, "Big", client->step);
  if (client->step == 2)
    return ask_to_select (client, "Corpus");
  if (client->step >= 3 + BIG_COPIES)
    return false;
  ASK (client, EXPECT (.uids = options.messages), "COPY 1:* Big");
  return true;
}

static bool
fill_inbox (Client *client)
{
  unsigned n = INBOX < options.messages ? INBOX : options.messages;

  if (client->step == 0)
    return ask_to_select (client, "INBOX");
  if (client->step == 1)
    client->number = client->exists;
  if (client->step == 1 && client->number < n)
    return ask_to_append (client, "INBOX", (unsigned) client->number, INBOX, n);
  if (client->step > 2)
    return false;
  ASK (client, perhaps, "CREATE Sent");
  client->step = 2;
  return true;
}

static bool
fill_large (Client *client)
{
  Buffer message = { 0 };

  if (client->step < 2)
    return ask_for_empty (client, "Large", client->step);
  if (client->step >= 2 + LARGES)
    return false;
  make_large (&message, &client->random);
  client_begin (client, EXPECT (.uids = 1), "APPEND Large");
  client_add_message (client, &message);
  client_send (client);
  free (message.data);
  return true;
}

/* ---- APPEND ------------------------------------------------------------------------------------------ */

static bool
work_append (Client *client)
{
  Buffer message = { 0 };

  make_fresh (&message, client, 2048);
  client_begin (client, EXPECT (.uids = 1), "APPEND %s", row->mailbox);
  client_add_message (client, &message);
  client->number++;
  client->appended++;
  client_send_measured (client, 1);
  free (message.data);
  return true;
}

static bool
work_append_large (Client *client)
{
  Buffer message = { 0 };

  make_large (&message, &client->random);
  client_begin (client, EXPECT (.uids = 1), "APPEND %s", row->mailbox);
  client_add_message (client, &message);
  client->number++;
  client_send_measured (client, message.len);
  free (message.data);
  return true;
}

static bool
work_multiappend (Client *client)
{
  client_begin (client, EXPECT (.uids = options.messages), "APPEND %s", row->mailbox);
  for (unsigned i = 0; i < options.messages; i++)
    add_to_append (client, i);
  client->number += options.messages;
  client_send_measured (client, options.messages);
  return true;
}

/* ---- Connections and mailboxes ----------------------------------------------------------------------- */

/* From the connection to the end of LOGOUT, in three steps. */
static bool
work_login (Client *client)
{
  switch (client->step++) {
  case 0:
    client_close (client);
    client_open (client); /* logs in by itself */
    client->number = (uint64_t) client->since;
    return true;
  case 1:
    client_begin (client, anything, "LOGOUT");
    client_send_measured (client, 1);
    client->since = (int64_t) client->number;
    return true;
  default:
    client->step = 0;
    client_go_on (client);
    return true;
  }
}

/* Leaves, and comes back on a new connection; the row goes on when it has logged in. */
static bool
come_anew (Client *client)
{
  client_close (client);
  client_open (client);
  return true;
}

static bool
work_select (Client *client)
{
  switch (client->step++) {
  case 0:
    ASK (client, anything, "LOGOUT");
    return true;
  case 1:
    return come_anew (client);
  default:
    client->step = 0;
    MEASURE (client, 1, EXPECT (.exists = options.big), "SELECT Big");
    return true;
  }
}

/* What another client would change: the flag goes on and off by turns, so each STORE changes all. */
static bool
change_some (Client *client)
{
  client_begin (client, EXPECT (.word = "FETCH", .count = CHANGES, .at_least = true), "STORE ");
  for (unsigned i = 0; i < CHANGES; i++)
    buffer_printf (&client->out, "%s%u", i > 0 ? "," : "", 1 + i * (options.big / CHANGES));
  buffer_printf (&client->out, " %sFLAGS (\\Flagged)", client->number++ % 2 == 0 ? "+" : "-");
  client_send (client);
  return true;
}

/* A client that comes back is told of what was changed since. */
static bool
work_resync (Client *client)
{
  switch (client->step++) {
  case 0:
    return ask_to_select (client, "Big (CONDSTORE)");
  case 1:
    client->appended = client->highest_modseq;
    return change_some (client);
  case 2:
  case 6:
    ASK (client, anything, "LOGOUT");
    return true;
  case 3:
    return come_anew (client);
  case 4:
    ASK (client, anything, "ENABLE QRESYNC");
    return true;
  case 5:
    MEASURE (client, 1, EXPECT (.word = "FETCH", .count = CHANGES, .at_least = true, .exists = options.big),
             "SELECT Big (QRESYNC (%llu %llu))", (unsigned long long) client->uid_validity,
             (unsigned long long) client->appended);
    return true;
  default:
    client->step = 0;
    return come_anew (client);
  }
}

static bool
prepare_resync (Client *client)
{
  if (client->step == 0)
    return ask_to_select (client, "Big (CONDSTORE)");
  if (client->step == 1)
    ASK (client, anything, "STORE 1:* -FLAGS.SILENT (\\Flagged)");
  return client->step == 1;
}

/* ---- FETCH ------------------------------------------------------------------------------------------- */

static Expected
all_of_corpus (void)
{
  return EXPECT (.word = "FETCH", .count = options.messages);
}

static bool
work_fetch_flags (Client *client)
{
  MEASURE (client, options.messages, all_of_corpus (), "UID FETCH 1:* FLAGS");
  return true;
}

static bool
work_fetch_list (Client *client)
{
  MEASURE (client, options.messages, all_of_corpus (),
           "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE)");
  return true;
}

static bool
work_fetch_fields (Client *client)
{
  MEASURE (client, options.messages, all_of_corpus (),
           "FETCH 1:* BODY.PEEK[HEADER.FIELDS (FROM TO SUBJECT DATE)]");
  return true;
}

static bool
work_fetch_bodies (Client *client)
{
  Expected expected = all_of_corpus ();

  expected.octets_known = true;
  expected.octets = corpus_octets;
  MEASURE (client, 1, expected, "FETCH 1:* BODY.PEEK[]");
  return true;
}

static bool
work_fetch_one (Client *client)
{
  unsigned number = random_below (&client->random, options.messages);

  MEASURE (client, 1,
           EXPECT (.word = "FETCH", .count = 1, .number = number + 1, .octets_known = true,
                   .octets = corpus[number].len),
           "FETCH %u BODY.PEEK[]", number + 1);
  return true;
}

static bool
work_fetch_part (Client *client)
{
  unsigned number = 1 + random_below (&client->random, LARGES);

  MEASURE (client, 1,
           EXPECT (.word = "FETCH", .count = 1, .number = number, .octets_known = true, .octets = PART),
           "FETCH %u BODY.PEEK[2]<%u.%u>", number, random_below (&client->random, LARGE - PART), PART);
  return true;
}

/* ---- STORE, COPY, MOVE ------------------------------------------------------------------------------- */

static bool
prepare_unflagged (Client *client)
{
  if (client->step == 0)
    return ask_to_select (client, row->mailbox);
  if (client->step == 1)
    ASK (client, anything, "STORE 1:* -FLAGS.SILENT (\\Flagged)");
  return client->step == 1;
}

/* Each client has messages of its own, and goes round: every STORE changes something. */
static bool
work_store (Client *client)
{
  unsigned share = options.messages / n_clients;
  uint64_t number = 1 + client->index * share + client->number % share;

  MEASURE (client, 1, EXPECT (.word = "FETCH", .count = 1, .number = number, .at_least = true),
           "STORE %llu %sFLAGS (\\Flagged)", (unsigned long long) number,
           client->number / share % 2 == 0 ? "+" : "-");
  client->number++;
  return true;
}

static bool
work_store_all (Client *client)
{
  MEASURE (client, options.messages, anything, "STORE 1:* %sFLAGS.SILENT (\\Flagged)",
           client->number++ % 2 == 0 ? "+" : "-");
  return true;
}

/* The flag is everywhere, or nowhere. */
static bool
finish_store_all (Client *client)
{
  if (client->step == 0)
    ASK (client, EXPECT (.word = "SEARCH", .count = client->number % 2 == 1 ? options.messages : 0),
         "SEARCH FLAGGED");
  return client->step == 0;
}

static bool
prepare_copy (Client *client)
{
  if (client->step < 2)
    return ask_for_empty (client, "Copies", client->step);
  return client->step == 2 && ask_to_select (client, row->mailbox);
}

static unsigned
run_length (void)
{
  return RUN < options.messages ? RUN : options.messages;
}

static bool
work_copy (Client *client)
{
  unsigned first = 1 + random_below (&client->random, options.messages - run_length () + 1);

  MEASURE (client, run_length (), EXPECT (.uids = run_length ()), "COPY %u:%u Copies", first,
           first + run_length () - 1);
  return true;
}

static bool
prepare_move (Client *client)
{
  if (client->step < 2)
    return ask_for_empty (client, "Source", client->step);
  if (client->step < 4)
    return ask_for_empty (client, "Moved", client->step - 2);
  if (client->step == 4)
    return ask_to_select (client, "Corpus");
  if (client->step == 5)
    ASK (client, EXPECT (.uids = options.messages), "COPY 1:* Source");
  return client->step == 5 || (client->step == 6 && ask_to_select (client, "Source"));
}

static bool
work_move (Client *client)
{
  if (client->number + run_length () > options.messages)
    return false;
  MEASURE (client, run_length (), EXPECT (.word = "EXPUNGE", .count = run_length (), .uids = run_length ()),
           "MOVE 1:%u Moved", run_length ());
  client->number += run_length ();
  return true;
}

/* ---- SEARCH ------------------------------------------------------------------------------------------ */

/* By turns for different things, so that nobody answers from the last result. */

static Expected
found (uint64_t n)
{
  return EXPECT (.word = "SEARCH", .count = n);
}

static bool
work_search_subject (Client *client)
{
  unsigned i = (unsigned) client->number++ % PLANTED;

  MEASURE (client, 1, found (count_planted (options.messages, SUBJECT_EVERY, i)), "SEARCH SUBJECT %s",
           subject_words[i]);
  return true;
}

static bool
work_search_from (Client *client)
{
  unsigned i = (unsigned) client->number++ * 7 % PERSONS;

  MEASURE (client, 1, found (count_planted (options.messages, PERSONS, i)), "SEARCH FROM \"person%02u@\"", i);
  return true;
}

static bool
work_search_since (Client *client)
{
  unsigned days = options.messages / A_DAY, last = 1 + (unsigned) client->number++ % 10;

  client_begin (client, found (options.messages - (days - last) * A_DAY), "SEARCH SINCE ");
  add_date (&client->out, (days - last) * A_DAY, "%d-%s-%d");
  client_send_measured (client, 1);
  return true;
}

static bool
work_search_body (Client *client)
{
  unsigned i = (unsigned) client->number++ % PLANTED;

  MEASURE (client, 1, found (count_planted (options.messages, BODY_EVERY, i)), "SEARCH BODY %s",
           body_words[i]);
  return true;
}

/* ---- Mixed work -------------------------------------------------------------------------------------- */

/* What mail programs do all day, each client in an INBOX of its own account. */
static bool
work_mixed (Client *client)
{
  unsigned n = INBOX < options.messages ? INBOX : options.messages;
  unsigned kind = random_below (&client->random, 100), number = random_below (&client->random, n);
  Buffer message = { 0 };

  if (kind < 40)
    MEASURE (client, 1,
             EXPECT (.word = "FETCH", .count = 1, .number = number + 1, .octets_known = true,
                     .octets = corpus[number].len),
             "FETCH %u BODY.PEEK[]", number + 1);
  else if (kind < 55) {
    unsigned last = number + 20 < n ? number + 20 : n;

    MEASURE (client, 1, EXPECT (.word = "FETCH", .count = last - number), "FETCH %u:%u (UID FLAGS ENVELOPE)",
             number + 1, last);
  } else if (kind < 75)
    MEASURE (client, 1, anything, "STORE %u %sFLAGS (\\Flagged)", number + 1,
             client->number++ % 2 == 0 ? "+" : "-");
  else if (kind < 85) {
    make_fresh (&message, client, 2048);
    client_begin (client, EXPECT (.uids = 1), "APPEND Sent");
    client_add_message (client, &message);
    client_send_measured (client, 1);
    free (message.data);
  } else if (kind < 90)
    MEASURE (client, 1, found (count_planted (n, SUBJECT_EVERY, kind % PLANTED)), "SEARCH SUBJECT %s",
             subject_words[kind % PLANTED]);
  else
    MEASURE (client, 1, anything, "NOOP");
  return true;
}

/* ---- Idle clients ------------------------------------------------------------------------------------ */

static bool
prepare_idle (Client *client)
{
  if (client->step == 0)
    return ask_to_select (client, row->mailbox);
  if (client->step > 1)
    return false;
  client->idling = true;
  ASK (client, anything, "IDLE");
  return true;
}

/* The driver looks at the server's memory, and answers when it has. */
static bool
work_idle (Client *client)
{
  char answer[100];

  if (client->index > 0)
    return false;
  printf ("stage idle\n");
  fflush (stdout);
  if (fgets (answer, sizeof answer, stdin) == NULL)
    fail ("the driver has gone");
  return false;
}

/* One client appends, and those in IDLE are told: when are the first, the median and the last of them? */

static struct {
  uint64_t exists; /* after the append */
  int64_t since;
  int64_t *times; /* of this round */
  unsigned told, rounds;
  double first, median, last; /* sums over the rounds */
} push;

static int
compare_times (const void *a, const void *b)
{
  int64_t first = *(const int64_t *) a, second = *(const int64_t *) b;

  return first < second ? -1 : first > second;
}

static void
push_end_round (void)
{
  qsort (push.times, push.told, sizeof *push.times, compare_times);
  push.first += (double) push.times[0];
  push.median += (double) push.times[push.told / 2];
  push.last += (double) push.times[push.told - 1];
  push.rounds++;
}

static bool
is_appender (const Client *client)
{
  return client->index == 0;
}

static void
push_told (Client *client)
{
  if (client->told || client->exists < push.exists || push.since == 0)
    return;
  client->told = true;
  push.times[push.told++] = now () - push.since;
  if (push.told == n_clients - 1 && !clients[0].pending)
    client_go_on (&clients[0]);
}

static bool
prepare_push (Client *client)
{
  if (!is_appender (client))
    return client->step < 1 ? ask_to_select (client, row->mailbox) : prepare_idle (client);
  return client->step == 0 && ask_to_select (client, row->mailbox);
}

static bool
work_push (Client *client)
{
  Buffer message = { 0 };

  if (n_clients < 2)
    fail ("at least 2 clients are needed");
  if (!is_appender (client))
    return false;
  if (client->step > 0 && push.told < n_clients - 1)
    return true; /* the last that is told goes on */
  if (client->step > 0) {
    push_end_round ();
    push.since = 0;
    client->step = 0;
    client_go_on (client);
    return true;
  }
  if (push.times == NULL)
    push.times = calloc (n_clients, sizeof *push.times);
  for (unsigned i = 1; i < n_clients; i++)
    clients[i].told = false;
  push.told = 0;
  push.exists = client->number == 0 ? client->exists + 1 : push.exists + 1;
  client->number++;
  client->step = 1;
  make_fresh (&message, client, 2048);
  client_begin (client, EXPECT (.uids = 1), "APPEND %s", row->mailbox);
  client_add_message (client, &message);
  push.since = now ();
  client_send_measured (client, 1);
  free (message.data);
  return true;
}

/* ---- Rows -------------------------------------------------------------------------------------------- */

static const Row rows[] = {
  /* name, measured, clients, own account, TLS, operations, mailbox, prepare, work, finish */
  { "fill-corpus", NOTHING, 1, false, false, 0, "Corpus", fill_corpus, NULL, NULL },
  { "fill-cold", NOTHING, 1, false, false, 0, "Cold", fill_corpus, NULL, NULL },
  { "fill-big", NOTHING, 1, false, false, 0, "Big", fill_big, NULL, NULL },
  { "fill-large", NOTHING, 1, false, false, 0, "Large", fill_large, NULL, NULL },
  { "fill-inbox", NOTHING, 64, true, false, 0, "INBOX", fill_inbox, NULL, NULL },
  { "append-32", RATE, 32, true, false, 0, "Append", prepare_empty, work_append, finish_appends },
  { "append-8", RATE, 8, true, false, 0, "Append", prepare_empty, work_append, finish_appends },
  { "append-1", RATE, 1, true, false, 0, "Append", prepare_empty, work_append, finish_appends },
  { "multiappend", RATE, 1, true, false, 1, "Multi", prepare_empty, work_multiappend, finish_appends },
  { "append-1mb", RATE_OF_OCTETS, 8, true, false, 0, "Append", prepare_empty, work_append_large,
    finish_appends },
  { "login", RATE, 32, true, false, 0, NULL, NULL, work_login, NULL },
  { "select", LATENCY, 1, false, false, 20, NULL, NULL, work_select, NULL },
  { "fetch-flags", RATE, 1, false, false, 0, "Corpus", prepare_selected, work_fetch_flags, NULL },
  { "fetch-list", RATE, 1, false, false, 0, "Corpus", prepare_selected, work_fetch_list, NULL },
  { "fetch-list-cold", RATE, 1, false, false, 1, "Cold", prepare_selected, work_fetch_list, NULL },
  { "fetch-fields", RATE, 1, false, false, 0, "Corpus", prepare_selected, work_fetch_fields, NULL },
  { "fetch-bodies", RATE_OF_OCTETS, 1, false, false, 0, "Corpus", prepare_selected, work_fetch_bodies, NULL },
  { "fetch-one", RATE, 8, false, false, 0, "Corpus", prepare_selected, work_fetch_one, NULL },
  { "fetch-part", RATE, 8, false, false, 0, "Large", prepare_selected, work_fetch_part, NULL },
  { "store-one", RATE, 8, false, false, 0, "Corpus", prepare_unflagged, work_store, NULL },
  { "store-all", RATE, 1, false, false, 0, "Corpus", prepare_unflagged, work_store_all, finish_store_all },
  { "copy", RATE, 1, false, false, 20, "Corpus", prepare_copy, work_copy, NULL },
  { "move", RATE, 1, false, false, 0, NULL, prepare_move, work_move, NULL },
  { "search-subject", LATENCY, 1, false, false, 20, "Corpus", prepare_selected, work_search_subject, NULL },
  { "search-from", LATENCY, 1, false, false, 20, "Corpus", prepare_selected, work_search_from, NULL },
  { "search-since", LATENCY, 1, false, false, 20, "Corpus", prepare_selected, work_search_since, NULL },
  { "search-body", LATENCY, 1, false, false, 8, "Corpus", prepare_selected, work_search_body, NULL },
  { "resync", LATENCY, 1, false, false, 10, NULL, prepare_resync, work_resync, NULL },
  { "mixed-8", RATE, 8, true, false, 0, "INBOX", prepare_selected, work_mixed, NULL },
  { "mixed-64", RATE, 64, true, false, 0, "INBOX", prepare_selected, work_mixed, NULL },
  { "idle", NOTHING, 200, true, false, 0, "INBOX", prepare_idle, work_idle, NULL },
  { "idle-tls", NOTHING, 200, true, true, 0, "INBOX", prepare_idle, work_idle, NULL },
  { "push", NOTHING, 1001, false, false, 10, "INBOX", prepare_push, work_push, NULL },
  { "tls-login", RATE, 8, true, true, 0, NULL, NULL, work_login, NULL },
  { "tls-bodies", RATE_OF_OCTETS, 1, false, true, 0, "Corpus", prepare_selected, work_fetch_bodies, NULL },
};

static const Row *
lookup_row (const char *name)
{
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    if (strcmp (rows[i].name, name) == 0)
      return &rows[i];
  return NULL;
}

static double
seconds_of (const struct rusage *usage)
{
  return (double) (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec)
         + (double) (usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static void
report (void)
{
  double time = (double) (ended - begun) / 1e9, share;

  if (row->work == work_push && push.rounds > 0) {
    printf ("figure push-first %.3f ms\n", push.first / push.rounds / 1e6);
    printf ("figure push-median %.3f ms\n", push.median / push.rounds / 1e6);
    printf ("figure push-last %.3f ms\n", push.last / push.rounds / 1e6);
  }
  if (row->measure == LATENCY && n_samples > 0) {
    qsort (samples, n_samples, sizeof *samples, compare_times);
    printf ("figure %s %.3f ms\n", row->name, (double) samples[n_samples / 2] / 1e6);
  } else if (row->measure == RATE)
    printf ("figure %s %.1f per s\n", row->name, (double) items / time);
  else if (row->measure == RATE_OF_OCTETS)
    printf ("figure %s %.2f MB/s\n", row->name, (double) octets / time / 1e6);
  if (row->measure == NOTHING)
    return;
  if (ops == 0)
    fail ("nothing was done");
  share = (seconds_of (&usage_ended) - seconds_of (&usage_begun)) / time;
  printf ("figure operations %llu in %.3f s\n", (unsigned long long) ops, time);
  printf ("figure load %.2f cores\n", share);
  if (share > 0.5)
    fprintf (stderr,
             "load: %s: %.0f %% of a core went into this program: the server may be faster than that\n",
             row->name, share * 100);
}

static void
run (void)
{
  int patience = row->work == work_push ? PUSH_PATIENCE : PATIENCE;

  clients = calloc (n_clients, sizeof *clients);
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (clients == NULL || epoll_fd < 0)
    fail ("cannot begin: %s", strerror (errno));
  for (unsigned i = 0; i < n_clients; i++) {
    clients[i].index = i;
    clients[i].random
        = options.seed * 7919 + i + ((uint64_t) now () << 20); /* appends have to be new in each run */
  }
  while (n_done < n_clients) {
    struct epoll_event events[64];
    int n;

    /* Not more at a time than a server's queue of connections holds. */
    for (; n_opened < n_clients && n_opened < n_ready + 64; n_opened++)
      client_open (&clients[n_opened]);
    n = epoll_wait (epoll_fd, events, 64, patience * 1000);
    if (n == 0 && push.since != 0)
      fail ("%u of %u clients were told within %d s", push.told, n_clients - 1, patience);
    if (n == 0)
      fail ("no answer for %d s; %u of %u clients are ready, %u done", patience, n_ready, n_clients, n_done);
    if (n < 0 && errno != EINTR)
      fail ("epoll: %s", strerror (errno));
    for (int i = 0; i < n; i++)
      client_serve (events[i].data.ptr, events[i].events);
  }
  report ();
}

static void
usage (void)
{
  fprintf (
      stderr,
      "Usage: load --port N [--host ADDRESS] [--user PATTERN] [--password TEXT] [--accounts N] [--clients "
      "N]\n"
      "         [--seconds N] [--ops N] [--messages N] [--seed N] ROW\n\n"
      "PATTERN has %%u for the number of the account. --port of a row with TLS is that of implicit TLS.\n"
      "Rows:\n");
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    fprintf (stderr, "  %-18s%u clients%s%s\n", rows[i].name, rows[i].clients,
             rows[i].own_account ? " of their own accounts" : "", rows[i].tls ? ", TLS" : "");
  exit (64);
}

static unsigned
read_number (const char *text)
{
  char *end;
  unsigned long number = strtoul (text, &end, 10);

  if (*text == '\0' || *end != '\0' || number > 100000000) {
    fprintf (stderr, "load: %s is no number that will do\n", text);
    exit (64);
  }
  return (unsigned) number;
}

static void
parse_options (int argc, char **argv)
{
  static const struct option names[] = {
    { "host", required_argument, NULL, 'h' },
    { "port", required_argument, NULL, 'p' },
    { "user", required_argument, NULL, 'u' },
    { "password", required_argument, NULL, 'w' },
    { "clients", required_argument, NULL, 'c' },
    { "accounts", required_argument, NULL, 'a' },
    { "seconds", required_argument, NULL, 's' },
    { "ops", required_argument, NULL, 'o' },
    { "messages", required_argument, NULL, 'm' },
    { "seed", required_argument, NULL, 'e' },
    { NULL, 0, NULL, 0 },
  };
  int option;

  options.address.sin_family = AF_INET;
  options.address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
  while ((option = getopt_long (argc, argv, "", names, NULL)) != -1) {
    switch (option) {
    case 'h':
      if (inet_pton (AF_INET, optarg, &options.address.sin_addr) != 1)
        usage ();
      break;
    case 'p':
      options.address.sin_port = htons ((uint16_t) read_number (optarg));
      break;
    case 'u':
      options.user = optarg;
      break;
    case 'w':
      options.password = optarg;
      break;
    case 'c':
      options.clients = read_number (optarg);
      break;
    case 'a':
      options.accounts = read_number (optarg);
      break;
    case 's':
      options.seconds = strtod (optarg, NULL);
      break;
    case 'o':
      options.ops = read_number (optarg);
      break;
    case 'm':
      options.messages = read_number (optarg);
      break;
    case 'e':
      options.seed = read_number (optarg);
      break;
    default:
      usage ();
    }
  }
  row = optind == argc - 1 ? lookup_row (argv[optind]) : NULL;
  if (row == NULL || options.address.sin_port == 0 || options.messages == 0 || options.accounts == 0
      || !(options.seconds > 0))
    usage ();
  options.big = options.messages * BIG_COPIES;
  n_clients = options.clients > 0 ? options.clients : row->clients;
}

int
main (int argc, char **argv)
{
  parse_options (argc, argv);
  make_corpus ();
  gnutls_certificate_allocate_credentials (&credentials); /* whose certificate it is does not matter */
  run ();
  fflush (stdout);
  _exit (EXIT_SUCCESS); /* connections go with the process */
}
