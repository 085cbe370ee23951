# SPDX-License-Identifier: Apache-2.0
# An admin puts it into /etc/ssh/sshd_config.d: it changes who may log in.
sshdexampledir = $(docdir)/sshd_config.d
dist_sshdexample_DATA = sshd_config.d/50-k8shell.conf

# Bastion mode's. What an admin has made of it stays, at make install and at
# make uninstall.
EXTRA_DIST += sshd_config.d/sshd_config
install-data-local:
	@f='$(DESTDIR)$(k8shellconfdir)/sshd_config'; \
	if test -e "$$f"; then \
		echo "$$f stays as it is"; \
	else \
		$(MKDIR_P) '$(DESTDIR)$(k8shellconfdir)' && \
		$(INSTALL_DATA) $(srcdir)/sshd_config.d/sshd_config "$$f"; \
	fi
uninstall-local:
	@f='$(DESTDIR)$(k8shellconfdir)/sshd_config'; \
	if cmp -s $(srcdir)/sshd_config.d/sshd_config "$$f"; then \
		rm -f "$$f"; \
	fi
