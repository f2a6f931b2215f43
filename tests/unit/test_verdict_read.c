/* verdict_read: whose word is believed, and what it means. */
#include "tests/unit/fixture_mapping.h"

#include "mapping/mime/verdict_read.h"

#define AR  "Authentication-Results: "
#define MX  AR "mx.example.org"
#define END "\r\n"

static void verdicts(void **state)
{
    static const struct {
        const char *header;
        bool is_doubtful, is_path_proven;
    } rows[] = {
        {"", false, false},
        {MX "; none" END, false, false},
        {MX "; dmarc=pass header.from=a.example" END, false, false},
        {MX "; dmarc=fail header.from=a.example" END, true, false},
        {AR "MX.Example.ORG 1; DMARC=Fail" END, true, false},
        {AR "\"mx.example.org\"; dmarc/1 = fail" END, true, false},
        {AR "(x) mx.example.org (y); spf=pass; dmarc=fail" END, true, true},
        /* of nobody who was asked for */
        {AR "mx.example.org.evil.example; dmarc=fail" END, false, false},
        {AR "evil.example; dmarc=fail" END MX "; dmarc=pass" END, false, false},
        {"X-" AR "mx.example.org; dmarc=fail" END, false, false},
        /* no word on From: the path, unless somebody has signed */
        {MX "; spf=fail smtp.mailfrom=a.example; dkim=none" END, true, false},
        {MX "; spf=fail; dkim=fail; dkim=pass header.d=list.example" END, false, false},
        {MX "; spf=fail; dmarc=pass" END, false, false},
        {MX "; spf=softfail; dkim=fail" END, false, false},
        {MX "; dmarc=temperror; spf=pass" END, false, true},
        /* a field for each program; none takes a failure back */
        {MX "; dkim=pass" END MX "; dmarc=fail" END, true, false},
        {MX "; dmarc=fail" END MX "; dmarc=pass" END, true, false},
        {MX "; dmarc=pass" END MX "; dmarc=fail" END, true, false},
        {MX "; spf=fail; dkim=none" END MX "; dkim=pass" END, true, false},
        /* words that only look like a result */
        {MX "; spf=pass reason=\"; dmarc=fail\"" END, false, true},
        {MX "; spf=pass (; dmarc=fail" END, false, true},
        {MX "; spf=pass (\\); dmarc=fail)" END, false, true},
        {MX "; x=dmarc=fail" END, false, false},
        {MX "; dmarc=failed" END, false, false},
        {MX ";;;=;= ; dmarc" END, false, false},
        {MX "; dmarc=\"fail" END, true, false},
        {MX END, false, false},
        {AR END, false, false},
    };
    struct fixture *f = *state;
    size_t i;

    for (i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct letter *l = letter_new(f->arena);
        struct mail_header h;

        assert_int_equal(header_read(f->arena, rows[i].header, strlen(rows[i].header), &h), 0);
        verdict_read(l, &h, "mx.example.org");
        if (l->is_doubtful != rows[i].is_doubtful || l->is_path_proven != rows[i].is_path_proven)
            fail_msg("%sdoubtful %d, proven %d", rows[i].header, l->is_doubtful, l->is_path_proven);
        verdict_read(l, &h, "");
        assert_false(l->is_doubtful || l->is_path_proven);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(verdicts, fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests_name("verdict_read", tests, NULL, NULL);
}
