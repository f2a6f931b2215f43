-- postern for Prosody, for `upload { }` in postern.conf: files of mails go to Prosody's own upload
-- service.  Not needed where http_file_share is there already, under whatever name: postern finds
-- it, and Prosody lets a component of its own use it as long as http_file_share_access is not set;
-- if it is, add the component's name there:
--
--     http_file_share_access = { "example.org", "mail.example.org" }

Component "upload.example.org" "http_file_share"
    -- bytes of one file, and of one uploader in a day: all of postern's mail counts as one
    http_file_share_size_limit = 52428800
    http_file_share_daily_quota = 10737418240
    -- seconds
    http_file_share_expires_after = 2592000
    -- the address users reach it by
    http_external_url = "https://upload.example.org:5281/"
