use super::*;

#[test]
fn extensions_of_captures_stay_and_others_go() {
    let of = |path: &str| extension(path);
    assert_eq!(
        [of("/x/CORP.pcapng.gz"), of("a.b.pcap"), of("C:\\x.y\\corp.CAP")],
        [".pcapng.gz", ".pcap", ".cap"]
    );
    assert_eq!([of("pcap"), of("corp.secret"), of("-"), of("a.pcap.corp")], ["", "", "", ""]);
}

#[test]
fn files_that_texts_quote_are_named() {
    let mut redactor = Redactor::new();
    redactor.file("/home/bob/sql1.reg");
    assert_eq!(
        redactor.text("the policy file /home/bob/sql1.reg allows"),
        "the policy file file-1.reg allows"
    );
}
