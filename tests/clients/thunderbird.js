/* What an officer does in Thunderbird, done from inside its windows: by the buttons that he would press, and for keys by
   the modules that its own dialogs use. Each function is called by name from thunderbird.py, in the window it is about. */

const PATIENCE = 30_000; // ms
const NOWHERE = 0xffffffff; // nsMsgViewIndex_None

async function until(what, found) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await found();
    if (value) {
      return value;
    }
    if (Date.now() > end) {
      throw new Error(`${what}: not within ${PATIENCE} ms`);
    }
    await new Promise(done => setTimeout(done, 50));
  }
}

function moduleOf(name, path) {
  return ChromeUtils.importESModule(path)[name];
}

const openpgp = name => `chrome://openpgp/content/modules/${name}.sys.mjs`;
const servers = () => moduleOf("MailServices", "resource:///modules/MailServices.sys.mjs");

// ---- setting up

/** Every key in these two armoured texts; those of others are marked as compared by telephone. */
async function importKeys(secret, fingerprint, certificates) {
  await moduleOf("EnigmailCore", openpgp("core")).init();
  const rnp = moduleOf("RNP", openpgp("RNP"));
  const decisions = moduleOf("PgpSqliteDb2", openpgp("sqliteDb"));
  const own = await rnp.importSecKeyBlockImpl(window, null, false, secret);
  await decisions.updateAcceptance(fingerprint, null, "personal");
  const others = await rnp.importPubkeyBlockAutoAcceptImpl(window, certificates, "verified");
  if (own.exitCode || others.exitCode) {
    throw new Error(own.errorMsg || others.errorMsg || "the keys were not imported");
  }
}

/** As if it had been typed once, with "Use Password Manager" ticked. */
async function rememberPassword(origin, login, password) {
  const entry = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
  entry.init(origin, null, origin, login, password, "", "");
  await Services.logins.addLoginAsync(entry);
}

function fillScreen() {
  window.moveTo(0, 0);
  window.resizeTo(screen.width, screen.height);
}

// ---- reading, in the main window

const tabs = () => document.getElementById("tabmail");
const reader = () => tabs().currentAboutMessage;
const found = id => reader().document.getElementById(id);

async function inbox() {
  const server = servers().accounts.defaultAccount.incomingServer;
  if (!server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox)) {
    server.performExpand(null);
  }
  return until("INBOX", () => server.rootFolder.getFolderWithFlags(Ci.nsMsgFolderFlags.Inbox));
}

/** Double-click on its line in the list: it opens in a tab. Returns when it is decrypted and shown. */
async function openMail(messageId) {
  const folder = await inbox();
  tabs().closeOtherTabs(0);
  const pane = tabs().currentAbout3Pane;
  if (pane.gFolder != folder) {
    pane.displayFolder(folder.URI);
  }
  pane.document.getElementById("folderPaneGetMessages").click();
  const mail = await until("the mail in INBOX", () => [...folder.messages].find(each => each.messageId == messageId));
  const line = () => pane.gDBView?.findIndexOfMsgHdr(mail, true) ?? NOWHERE;
  await until("its line", () => line() != NOWHERE);
  pane.threadTree.selectedIndex = line();
  pane.commandController.doCommand("cmd_openMessage");
  await until("its tab", () => tabs().tabInfo.length > 1 && reader()?.gMessageURI == folder.getUriForMsg(mail));
  await until("all of it", () => reader().msgLoaded && reader().Enigmail?.hdrView.msgSignedStateString);
}

/** What the window shows of the open mail. */
async function shown() {
  const words = reader().getMessagePaneBrowser().contentDocument;
  await until("its text", () => words.readyState == "complete" && words.body.innerText);
  return {
    subject: found("expandedsubjectBox").textContent.replace(/^Subject:?\s*/, ""),
    text: words.body.innerText,
    attachments: [...reader().document.querySelectorAll("#attachmentList > richlistitem")].map(each => each.attachment.name),
    signature: reader().Enigmail.hdrView.msgSignedStateString,
    encryption: reader().Enigmail.hdrView.msgEncryptedStateString,
  };
}

/** Open the panel behind the OpenPGP button; what it says. */
async function openSecurityPanel() {
  found("encryptionTechBtn").click();
  await until("the panel", () => found("messageSecurityPanel").state == "open" && found("signatureKeyId").textContent);
  return ["signatureLabel", "signatureExplanation", "signatureKeyId", "encryptionLabel"].map(id => found(id).textContent);
}

function closeSecurityPanel() {
  found("messageSecurityPanel").hidePopup();
}

/** "Create Decrypted Copy In" of the open mail's menu, and "Save As" of the copy, into this file. */
async function saveDecrypted(path) {
  const root = servers().accounts.localFoldersServer.rootFolder;
  if (!root.containsChildNamed("Decrypted")) {
    root.createSubfolder("Decrypted", null);
  }
  const folder = await until("a folder", () => root.containsChildNamed("Decrypted") && root.getChildNamed("Decrypted"));
  await reader().commandController.doCommand("cmd_copyDecryptedTo", folder);
  const copy = await until("the copy", () => [...folder.messages].at(-1));
  const uri = folder.getUriForMsg(copy);
  const file = Cc["@mozilla.org/file/local;1"].createInstance(Ci.nsIFile);
  file.initWithPath(path);
  await new Promise((done, failed) =>
    servers().messageServiceFromURI(uri).saveMessageToDisk(
      uri, file, false,
      { OnStartRunningUrl() {}, OnStopRunningUrl: (_url, status) => (status ? failed(new Error(status)) : done()) },
      true, null,
    ),
  );
}

// ---- answering

/** Press Reply; returns when one can write. */
async function pressReply() {
  const before = new Set(Services.wm.getEnumerator("msgcompose"));
  found("hdrReplyButton").click();
  const opened = () => [...Services.wm.getEnumerator("msgcompose")].find(each => !before.has(each));
  await until("a window to write in", () => opened()?.composeEditorReady);
}

/** In the window to write in: put the cursor into the text, where Thunderbird leaves it. */
function beginToWrite() {
  window.focus();
  document.getElementById("messageEditor").focus();
}

/** In the window to write in: what it shows. */
function written() {
  return {
    to: [...document.querySelectorAll("#toAddrContainer mail-address-pill")].map(each => each.emailAddress),
    subject: document.getElementById("msgSubject").value,
    signs: gSendSigned,
    encrypts: gSendEncrypted,
    text: gMsgCompose.editor.outputToString("text/plain", 0),
  };
}

function pressSend() {
  document.getElementById("button-send").click();
}

// ---- when something goes wrong

/** The titles of all windows, and the words of those that ask or warn. */
function windows() {
  const words = each => each.document.getElementById("infoBody")?.textContent ?? "";
  return [...Services.wm.getEnumerator(null)].map(each => `${each.document.title}: ${words(each)}`);
}
