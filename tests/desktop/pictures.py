"""Pictures of what people see, for doc/: Psi+ and Chromium before a private gateway (make pictures)."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "scenario"), str(TESTS), str(TESTS / "desktop")]

import world as w  # noqa: E402
from desktop import Desktop  # noqa: E402
from mail import make_mail  # noqa: E402
from psi import Psi  # noqa: E402
from servers.base import free_port  # noqa: E402
from servers.prosody import Prosody  # noqa: E402

PICTURES = TESTS.parent / "doc" / "pictures"
ALIAS = "juliet.capulet"
ROMEO, TYBALD, GATEWAY_ROW = 195, 242, 257  # rows of the contact list, in pixels
ANSWER = """I will, in a mask. The way in is drawn here.

On Sunday, Juliet Capulet wrote:
> Will you come to the feast tonight?

-- \nRomeo Montague, Verona
"""
MAP = ["convert", "-size", "360x240", "gradient:#e8d8a8-#b08040", "png:-"]


def smaller(path):
    """Fewer colours, packed tight: these lie in the repository."""
    subprocess.run(["pngquant", "--force", "--ext", ".png", "--strip", "64", path], check=True)
    subprocess.run(["optipng", "-quiet", "-o5", path], check=True)


def show_sizes():
    for path in sorted(PICTURES.glob("*.png")):
        print(f"{path.relative_to(TESTS.parent)}: {path.stat().st_size} bytes")
        assert path.stat().st_size < 80_000


class Pictures:
    def __init__(self, world, desktop, psi):
        self.world = world
        self.desktop = desktop
        self.psi = psi

    def take(self, name, window):
        path = PICTURES / f"{name}.png"
        window.picture(path)
        smaller(path)

    def next_event(self, title, row=195):
        """Opens what Psi keeps with its contact until it is looked at."""
        self.psi.roster.click(120, row, times=2)
        return self.desktop.window(title)

    def chat(self, row, title, place):
        self.psi.roster.click(120, row, times=2)
        return self.desktop.window(title).place(*place)

    def say(self, chat, text):
        chat.click(150, -30)
        self.desktop.type(text)
        self.desktop.key("Return")

    def find_and_register(self):
        self.psi.roster.click(66, 15)
        services = self.desktop.window("Service Discovery").place(340, 40, 560, 420)
        time.sleep(1)
        services.click(100, 129)
        self.take("discovery", services)
        services.click(155, 16)  # the key
        form = self.desktop.window("Mail gateway").place(700, 300, 420, 350)
        form.click(150, 215)
        self.desktop.type(ALIAS)
        form.click(150, 265)
        self.desktop.type("Juliet Capulet")
        self.take("register", form)
        form.click(-130, -22)
        self.desktop.window("Success").click(-50, -25)
        services.close()
        time.sleep(2)
        asked = self.next_event(f"Mail gateway|{w.GATEWAY}")
        asked.click(-150, -22)
        time.sleep(1)
        asked.click(140, -22)  # the next: "You are now authorized"
        asked.click(40, -22)

    def add_romeo(self):
        self.psi.roster.click(41, 15)
        add = self.desktop.window(r"Psi\+: Add Contact").place(400, 60, 640, 390)
        add.click(330, 24)
        self.desktop.key("Down")
        self.desktop.key("Return")
        time.sleep(1)
        add.click(300, 115)
        self.desktop.type(self.world.romeo.address)
        add.click(-70, 115)
        time.sleep(1)
        add.click(420, 193)
        self.desktop.key("ctrl+a")
        self.desktop.type("Romeo")
        self.take("add-contact", add)
        add.click(-50, -28)
        self.desktop.window("Add User: Success").click(-50, -25)
        self.next_event("Romeo").click(40, -22)

    def talk(self):
        chat = self.chat(ROMEO, "Romeo", (500, 100, 640, 440))
        self.say(chat, "Will you come to the feast tonight?")
        mail = self.world.romeo.wait_body("feast tonight")
        to = mail["From"].addresses[0].addr_spec
        answer = make_mail(f"Romeo Montague <{self.world.romeo.address}>", to, "Re: " + mail["Subject"], ANSWER,
                           {"In-Reply-To": mail["Message-ID"], "References": mail["Message-ID"]})
        drawing = subprocess.run(MAP, capture_output=True, check=True).stdout
        answer.add_attachment(drawing, maintype="image", subtype="png", filename="way in.png")
        self.world.romeo.send(answer, to)
        time.sleep(2)
        self.say(chat, "Then wait in the orchard.")
        time.sleep(2)
        self.take("chat", chat)
        chat.close()

    def fail(self):
        """Somebody whom the mail server does not know."""
        jid = self.world.contact(f"tybald@{w.MAIL_DOMAIN}")
        juliet = self.world.juliet  # the same person with a second client
        juliet.ask(None, f"<query xmlns='jabber:iq:roster'><item jid='{jid}' name='Tybald'/></query>", "set")
        juliet.send_xml(f"<presence xmlns='jabber:client' type='subscribe' to='{jid}'/>")
        time.sleep(2)
        self.next_event("Tybald", TYBALD).click(40, -22)
        chat = self.chat(TYBALD, "Tybald", (500, 100, 640, 330))
        self.say(chat, "Put up thy sword.")
        time.sleep(3)
        chat.close()
        error = self.next_event("Tybald", TYBALD).place(500, 100, 560, 280)
        self.take("failed", error)
        error.click(40, -22)

    def ask_for_help(self):
        chat = self.chat(GATEWAY_ROW, "Mail gateway", (500, 30, 700, 830))
        self.say(chat, "help")
        time.sleep(2)
        self.take("help", chat)
        chat.close()


    def settings(self):
        self.psi.roster.click(120, GATEWAY_ROW + 35, button=3)
        self.desktop.key("Up", "Up", "Up", "Right")  # "Execute command"
        time.sleep(1)
        self.desktop.key("Return")
        time.sleep(1)
        commands = self.desktop.window("Execute Com.*")
        commands.click(150, 27)
        self.desktop.key("Down", "Return")
        commands.click(100, 53)
        form = self.desktop.window("Mail: .*").place(500, 60, 520, 600)
        self.take("settings", form)
        self.desktop.key("Escape")

    def status(self, port):
        """The page for administrators, wide and as on a telephone."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
            (self.desktop.folder / "page.html").write_bytes(answer.read())  # it lets nobody frame it
        for name, width, height in (("status", 1280, 1000), ("status-narrow", 390, 1100)):
            path = PICTURES / f"{name}.png"
            page = self.desktop.folder / f"{name}.html"
            # A window of Chromium is never narrower than 500: a frame is.
            page.write_text(f"<body style='margin:0'><iframe src='page.html' style='border:0;"
                            f"width:{width}px;height:{height}px'></iframe>")
            subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                            f"--user-data-dir={self.desktop.folder}/chromium", f"--screenshot={path}",
                            f"--window-size={max(width, 500)},{height}", page.as_uri()],
                           check=True, capture_output=True, timeout=60)
            subprocess.run(["convert", path, "-crop", f"{width}x{height}+0+0", "+repage", path], check=True)
            smaller(path)


def main():
    PICTURES.mkdir(exist_ok=True)
    folder = w.private_folder()
    mail_side, jabber_side = w.MailSide(folder).start(), w.JabberSide(folder, Prosody).start()
    admin_port = free_port()
    world = w.World(folder, jabber_side, mail_side, {
        "web": {"url": f"https://{w.GATEWAY}"},
        "admin": {"listen": f"127.0.0.1:{admin_port}", "jids": [f"nurse@{w.JABBER_DOMAIN}"]}}).start()
    desktop = Desktop(folder)
    try:
        desktop.start()
        world.juliet.ask(None, "<vCard xmlns='vcard-temp'><FN>Juliet Capulet</FN></vCard>", "set")
        psi = Psi(desktop, f"juliet@{w.JABBER_DOMAIN}", w.JABBER_USERS["juliet"],
                  jabber_side.server.c2s_port).start()
        pictures = Pictures(world, desktop, psi)
        time.sleep(2)
        pictures.find_and_register()
        pictures.add_romeo()
        pictures.talk()
        pictures.ask_for_help()
        pictures.fail()
        pictures.settings()
        pictures.status(admin_port)
    finally:
        desktop.stop()
        world.stop()
        jabber_side.stop()
        mail_side.stop()
        w.remove(folder)
    show_sizes()


if __name__ == "__main__":
    main()
