-- postern for Prosody: put this file into /etc/prosody/conf.d/ (readable for the group prosody),
-- then `systemctl restart prosody`: a reload does not add a component.  The name and the secret
-- stand in postern.conf as well: jid, and secret in its jabber section.  Prosody listens for
-- components on 127.0.0.1 port 5347 unless component_ports says otherwise.

Component "mail.example.org"
    component_secret = "change me"
    name = "Mail gateway"  -- in the list of services

    -- A gateway on another machine that lost power leaves a dead connection behind, and Prosody
    -- would refuse the new one until it notices.  This lets the new connection win.
    -- component_conflict_resolve = "kick_old"
